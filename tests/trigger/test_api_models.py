"""Cekura's answers: every field is optional, every shape possible; only a clear error is ever raised."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cekura_agent_kit.trigger.case.judging import Observed, verdict_of
from cekura_agent_kit.trigger.cekura.api_models import ApiRun, read_runs, read_start
from cekura_agent_kit.verdict import RunVerdict
from tests.planned import PLANNED

FUZZ = int(os.environ.get("FUZZ", "300"))
"""Examples a test; ``FUZZ=10000`` takes three minutes."""

RUN: dict[str, Any] = {
    "id": 70011,
    "status": "completed",
    "success": True,
    "scenario": 30,
    "scenario_name": "Books",
    "result_id": 9001,
    "expected_outcome": {
        "score": 80,
        "explanation": ["✅ booked"],
        "outcome_alignments": [{"outcome": "A table is booked."}],
    },
    "evaluation": {
        "metrics": [{"name": "Tone", "eval_type": "numeric", "score": 4.5, "explanation": ["warm", "brief"]}]
    },
    "evaluation_status": "reviewed_success",
    "rubric": [{"metric_name": "Booking", "value": 5, "passed": True, "conditions": "score gte 5"}],
    "mocked_tool_names": ["book"],
    "run_as_text": True,
    "transcript_object": [
        {"role": "Testing Agent", "content": "a table", "time": "00:01", "start_time": 1.25},
        {"role": "Function Call", "content": "book", "data": {"name": "book", "arguments": {"people": 2}}, "time": 2},
        {"role": "Function Call Result", "content": "booked", "time": 3},
        {"role": "Main Agent", "content": "It is booked.", "timestamp": 3.5},
        {"role": "Narrator", "content": "?"},
    ],
    "voice_recording_url": "https://example.com/a.wav",
    "metadata": {"ended_reason": "agent hung up"},
}


def test_a_run_is_read_whole() -> None:
    run = read_runs([RUN])[0]

    assert (run.id, run.final, run.success, run.scenario, run.result_id) == (70011, True, True, 30, 9001)
    assert (run.score, run.explanation, run.expected_outcome) == (80, ("✅ booked",), "A table is booked.")
    assert (run.metrics[0].name, run.metrics[0].score, run.metrics[0].explanation) == ("Tone", 4.5, "warm\nbrief")
    assert [(line.role, line.text or line.name, line.at) for line in run.transcript] == [
        ("evaluator", "a table", 1.25),
        ("tool", "book", 2.0),
        ("agent", "It is booked.", 3.5),
    ]
    assert (run.transcript[1].arguments, run.transcript[1].output) == ({"people": 2}, "booked")
    assert (run.recording_url, run.ended_reason) == ("https://example.com/a.wav", "agent hung up")


@pytest.mark.parametrize(
    "shape",
    [
        [RUN],
        {"70011": RUN},
        {"70011": {k: v for k, v in RUN.items() if k != "id"}},
        {"results": [RUN]},
        {"runs": [RUN]},
    ],
)
def test_runs_come_in_many_shapes(shape: Any) -> None:
    assert [run.id for run in read_runs(shape)] == [70011]


def test_a_transcript_in_text_is_read_line_by_line() -> None:
    text = "[00:01] Testing Agent: hello\nagain\n[01:02] Main Agent: welcome"
    lines = read_runs([{"id": 1, "transcript": text}])[0].transcript

    assert [(line.role, line.text, line.at) for line in lines] == [
        ("evaluator", "hello\nagain", 1.0),
        ("agent", "welcome", 62.0),
    ]


@pytest.mark.parametrize("status", ["Completed", " failed ", "timeout", "cancelled"])
def test_final_statuses(status: str) -> None:
    assert read_runs([{"id": 1, "status": status}])[0].final


@pytest.mark.parametrize("status", ["pending", "in_queue", "evaluating", "warming_up", "", None, 7, {"a": 1}])
def test_any_other_word_goes_on(status: Any) -> None:
    assert not read_runs([{"id": 1, "status": status}])[0].final


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
INNER = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.sampled_from([True, False, "yes", "blocked", "binary", 0, 5, 50, 100])
        for name in ("passed", "aligned", "score", "value", "eval_type", "type", "enum", "explanation", "conditions")
    },
)
PARTS = {
    "rubric": st.lists(INNER, max_size=3) | st.dictionaries(st.text(max_size=3), INNER, max_size=3),
    "evaluation": st.fixed_dictionaries({"metrics": st.lists(INNER, max_size=3)}),
    "expected_outcome": st.fixed_dictionaries({"score": JSON, "outcome_alignments": st.lists(INNER, max_size=3)}),
}
FIELDS = st.fixed_dictionaries(
    {}, optional={name: JSON | st.just(value) | PARTS.get(name, st.none()) for name, value in RUN.items()}
)


@settings(max_examples=FUZZ, deadline=None)
@given(JSON | FIELDS | st.lists(FIELDS, max_size=3) | st.fixed_dictionaries({"id": JSON, "runs": st.lists(FIELDS)}))
def test_any_json_is_a_verdict_or_nothing(value: Any) -> None:
    for run in read_runs(value):
        verdict = verdict_of(Observed(PLANNED, run=run))
        assert RunVerdict.model_validate_json(verdict.model_dump_json().encode()).case == "30#1"


@settings(max_examples=FUZZ, deadline=None)
@given(JSON | st.fixed_dictionaries({"id": JSON, "runs": JSON | st.lists(FIELDS)}))
def test_any_start_is_runs_or_a_value_error(value: Any) -> None:
    with contextlib.suppress(ValueError):
        assert read_start(value).runs


def _nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = {"runs": value} if depth % 2 else [value]
    return value


@pytest.mark.parametrize("depth", [900, 901])
@pytest.mark.parametrize("field", ["id", "rubric", "evaluation", "expected_outcome", "transcript_object", "scenario"])
def test_any_depth_is_read(field: str, depth: int) -> None:
    deep = _nested(5, depth)

    assert read_runs(_nested([{"id": 1}], 900 | 1)) == [ApiRun(1)]
    for run in read_runs([{"id": 1, field: deep}]):
        assert verdict_of(Observed(PLANNED, run=run)).case == "30#1"
    rule = {"metric_name": deep, "value": deep, "explanation": deep, "conditions": deep, "passed": deep}
    (run,) = read_runs([{"id": 1, "rubric": [rule], "evaluation": {"metrics": [rule]}}])
    assert not run.measured


def test_any_size_is_cut() -> None:
    (run,) = read_runs([{"id": 1, "error_message": "x" * 10**6, "rubric": [{"passed": True}] * 30_000}])

    assert (len(run.error), len(run.rubric)) == (20_000, 20_000)


def test_nothing_but_an_id_makes_a_run() -> None:
    assert read_runs([{"id": 5}]) == [ApiRun(5)]
