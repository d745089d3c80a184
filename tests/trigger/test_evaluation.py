"""Every form of what Cekura measures, as it is documented or was seen: rules, metrics, statements, reviews."""

from __future__ import annotations

from typing import Any

import pytest

from cekura_agent_kit.trigger.cekura.api_models import ApiRun, read_runs
from cekura_agent_kit.trigger.cekura.evaluation import read_expected_outcome, read_metrics, read_rubric
from cekura_agent_kit.verdict import Metric, RubricRule


def run_with(**fields: Any) -> ApiRun:
    return read_runs([{"id": 1, "status": "completed", "success": True} | fields])[0]


def outcome(*aligned: Any, score: Any = None) -> dict[str, Any]:
    statements = [{"outcome": f"statement {n}", "aligned": each} for n, each in enumerate(aligned)]
    return {"score": score, "explanation": ["why"], "outcome_alignments": statements}


def metrics(*values: dict[str, Any]) -> dict[str, Any]:
    return {"metrics": [{"name": "Tone"} | value for value in values]}


RULE = {
    "metric_id": 7,
    "metric_name": "Booking",
    "value": 3,
    "explanation": ["No table was booked.", "It asked twice."],
    "passed": False,
    "conditions": "score gte 5",
    "expected_conditions": {"score": {"gte": 5}},
}


def test_a_rubric_rule_is_read_whole() -> None:
    assert read_rubric([RULE]) == (
        RubricRule(
            name="Booking",
            passed=False,
            value=3,
            conditions="score gte 5",
            explanation="No table was booked.\nIt asked twice.",
        ),
    )


@pytest.mark.parametrize("value", [None, [], {}, "rules", 5, [None, "x", 3]])
def test_without_rules_the_rubric_is_empty(value: Any) -> None:
    assert read_rubric(value) == ()


def test_a_rule_without_conditions_in_words_has_those_that_were_expected() -> None:
    (rule,) = read_rubric([{"metric_name": "Tone", "passed": None, "expected_conditions": {"score": {"gte": 5}}}])

    assert (rule.passed, rule.conditions) == (None, '{"score": {"gte": 5}}')


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"eval_type": "binary", "passed": True}, Metric(name="Tone", type="binary", passed=True)),
        ({"eval_type": "binary", "passed": False}, Metric(name="Tone", type="binary", passed=False)),
        ({"eval_type": "binary", "passed": None}, Metric(name="Tone", type="binary")),
        ({"eval_type": "binary", "passed": None, "score": 5}, Metric(name="Tone", type="binary", score=5)),
        (
            {"eval_type": "enum", "enum": "polite", "value": "", "passed": True},
            Metric(name="Tone", type="enum", value="polite", passed=True),
        ),
        ({"eval_type": "enum", "value": "rude"}, Metric(name="Tone", type="enum", value="rude")),
        ({"eval_type": "numeric", "value": 4.5}, Metric(name="Tone", type="numeric", value=4.5)),
        ({"eval_type": "numeric", "score": 4}, Metric(name="Tone", type="numeric", value=4, score=4)),
        (
            {"eval_type": "continuous_qualitative", "score": 3.5},
            Metric(name="Tone", type="continuous_qualitative", value=3.5, score=3.5),
        ),
        ({"type": "binary_workflow_adherence", "score": 5}, Metric(name="Tone", type="binary", passed=True, score=5)),
        ({"type": "binary_qualitative", "score": 0}, Metric(name="Tone", type="binary", passed=False, score=0)),
        ({"type": "binary_qualitative", "score": 3}, Metric(name="Tone", type="binary", score=3)),
        ({"score": 5}, Metric(name="Tone", score=5)),
        ({"eval_type": 7, "passed": "perhaps", "value": {"a": 1}}, Metric(name="Tone", type="7", value='{"a": 1}')),
        ({"value": float("inf"), "score": float("nan")}, Metric(name="Tone")),
    ],
)
def test_each_kind_of_metric(value: dict[str, Any], read: Metric) -> None:
    assert read_metrics([{"name": "Tone"} | value]) == (read,)


@pytest.mark.parametrize(
    ("aligned", "expected"),
    [
        (True, "met"),
        ("yes", "met"),
        ("Yes", "met"),
        ("true", "met"),
        (False, "not_met"),
        ("no", "not_met"),
        ("blocked", "blocked"),
        (None, "blocked"),
        ("who knows", "blocked"),
        (1, "blocked"),
        ([True], "blocked"),
    ],
)
def test_each_wire_form_of_an_alignment(aligned: Any, expected: str) -> None:
    assert [each.outcome for each in read_expected_outcome(outcome(aligned)).statements] == [expected]


@pytest.mark.parametrize(
    ("score", "expected"),
    [(100, ["met"]), (0, ["not_met"]), (50, ["blocked"]), (80, []), (None, []), ("100", [])],
)
def test_a_statement_without_alignment_follows_the_score(score: Any, expected: list[str]) -> None:
    read = read_expected_outcome({"score": score, "outcome_alignments": [{"outcome": "A table is booked."}]})

    assert [each.outcome for each in read.statements] == expected
    assert read.text == "A table is booked."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("A table is booked.", "A table is booked."),
        ('{"outcome_alignments": [{"outcome": "It is.", "aligned": true}]}', "It is."),
        ("{not json", "{not json"),
        ({}, ""),
        (None, ""),
        ([1], ""),
        (outcome(True, False), "statement 0; statement 1"),
    ],
)
def test_an_expected_outcome_is_an_object_or_a_text(value: Any, text: str) -> None:
    assert read_expected_outcome(value).text == text


@pytest.mark.parametrize(
    ("fields", "measured"),
    [
        ({}, False),
        ({"expected_outcome": {}, "evaluation": {"metrics": []}, "rubric": []}, False),
        ({"expected_outcome": "A table is booked."}, False),
        ({"rubric": [RULE]}, True),
        ({"rubric": [RULE | {"passed": None}]}, False),
        ({"evaluation": metrics({"eval_type": "binary", "passed": False})}, True),
        ({"evaluation": metrics({"eval_type": "binary", "passed": None})}, False),
        ({"evaluation": metrics({"eval_type": "enum", "value": "x", "passed": True})}, True),
        ({"evaluation": metrics({"eval_type": "enum", "value": "x"})}, False),
        ({"evaluation": metrics({"eval_type": "numeric", "value": 5, "passed": True})}, False),
        ({"evaluation": metrics({"eval_type": "continuous_qualitative", "score": 5})}, False),
        ({"evaluation": metrics({"type": "binary_qualitative", "score": 0})}, True),
        ({"evaluation": metrics({"score": 4})}, False),
        ({"expected_outcome": outcome(True, "blocked", score=50)}, True),
        ({"expected_outcome": outcome("blocked", score=50)}, False),
        ({"expected_outcome": {"score": 100}}, True),
        ({"expected_outcome": {"score": 80, "outcome_alignments": [{"outcome": "An older statement."}]}}, True),
        ({"expected_outcome": {"outcome_alignments": [{"outcome": "An older statement."}]}}, False),
        ({"expected_outcome": {"score": 50}}, False),
    ],
)
def test_measured_is_what_passed_or_failed(fields: dict[str, Any], measured: bool) -> None:
    assert run_with(**fields).measured is measured


@pytest.mark.parametrize(
    ("expected_outcome", "blocked"),
    [
        (outcome(True, "blocked"), True),
        (outcome(True, False), False),
        ({"score": 50}, True),
        ({"score": 100}, False),
        ({}, False),
    ],
)
def test_a_blocked_statement_blocks_the_outcome(expected_outcome: Any, blocked: bool) -> None:
    assert run_with(expected_outcome=expected_outcome).blocked is blocked


@pytest.mark.parametrize(
    ("fields", "verdict", "settled"),
    [
        ({}, True, True),
        ({"success": None}, None, False),
        ({"success": "yes"}, None, False),
        ({"success": False, "evaluation_status": "reviewed_success"}, True, True),
        ({"evaluation_status": "reviewed_failure"}, False, True),
        ({"success": None, "evaluation_status": "reviewed_failure"}, False, True),
        ({"success": None, "evaluation_status": "failure"}, None, False),
        ({"success": None, "status": "failed"}, None, True),
        ({"success": None, "status": "evaluating"}, None, False),
        ({"evaluation_status": ["reviewed_failure"]}, True, True),
    ],
)
def test_a_review_stands_over_success_and_a_completed_run_needs_a_verdict(
    fields: dict[str, Any], verdict: bool | None, settled: bool
) -> None:
    run = run_with(**fields)

    assert (run.verdict, run.settled) == (verdict, settled)


def test_calls_of_mocked_tools_are_marked() -> None:
    calls = [{"role": "Function Call", "content": name, "data": {"name": name}} for name in ("book", "search")]
    run = run_with(mocked_tool_names=["book", None, 3], transcript_object=calls)

    assert run.mocked_tools == ("book", "3")
    assert [(line.name, line.mocked) for line in run.transcript] == [("book", True), ("search", False)]
