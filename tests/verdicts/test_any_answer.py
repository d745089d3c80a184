"""Values of any type, depth and size in the fields of which a verdict is made: a verdict, and a report of it."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cekura_agent_kit.report import html, junit, markdown
from cekura_agent_kit.trigger.cekura.api_models import read_runs
from cekura_agent_kit.verdict import Outcome, SuiteVerdict
from tests.verdicts.table import Answer
from tests.verdicts.test_verdicts import suite_verdict_of

FIELDS: Final = (
    "rubric",
    "evaluation",
    "expected_outcome",
    "evaluation_status",
    "mocked_tool_names",
    "success",
)
_KEYS: Final = (
    *("metrics", "name", "metric_name", "passed", "value", "score", "enum", "eval_type", "type", "explanation"),
    *("conditions", "expected_conditions", "outcome_alignments", "outcome", "aligned", "id"),
)
_WORDS: Final = (
    "completed",
    "reviewed_success",
    "reviewed_failure",
    "yes",
    "no",
    "blocked",
    "binary",
    "enum",
    "\ud800",
)

_text = st.sampled_from(_WORDS) | st.text(st.characters(), max_size=30)
_scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 5, 0]) | _text
_value = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS) | _text, inner, max_size=6),
    max_leaves=30,
)


def deep(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"explanation": value}
    return value


def _objects(*keys: str) -> st.SearchStrategy[Any]:
    """Arrays of objects with some of these keys, and values of any type."""
    return st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, _value | _scalar)), max_size=4)


_NEAR: Final[dict[str, st.SearchStrategy[Any]]] = {
    "success": st.booleans(),
    "rubric": _objects("metric_name", "passed", "value", "conditions", "explanation"),
    "evaluation": st.fixed_dictionaries(
        {"metrics": _objects("name", "eval_type", "type", "passed", "value", "enum", "score", "explanation")}
    ),
    "expected_outcome": st.fixed_dictionaries(
        {"outcome_alignments": _objects("outcome", "aligned", "explanation")},
        optional={"score": _scalar, "explanation": _value},
    ),
}
"""Values in the form that Cekura documents, with parts that are not: they get further than others."""
any_fields = st.fixed_dictionaries(
    {"status": st.just("completed") | _value},
    optional={field: _NEAR.get(field, st.nothing()) | _value for field in FIELDS},
)
"""Fields of a run, of any type."""


@given(fields=any_fields)
@example(fields={"rubric": [{"metric_name": 10**400, "passed": 10**400, "value": 10**400, "conditions": deep(400)}]})
@example(fields={"evaluation": {"metrics": [{"name": "\ud800", "value": float("nan"), "score": float("inf")}]}})
@example(fields={"expected_outcome": deep(400), "mocked_tool_names": deep(400), "success": "true"})
@example(fields={"expected_outcome": '{"score": ' + "[" * 50_000})
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_answer_has_a_verdict_and_a_report(fields: dict[str, Any]) -> None:
    answer = Answer(part="Any", what="any", fields=fields, comes_to="passed", measured=None)
    # As it arrives: a number that JSON does not have is read all the same.
    if not read_runs([answer.run]):
        pytest.fail("the run was not read")
    suite = suite_verdict_of(answer)

    (run,) = suite.runs
    if run.outcome is Outcome.PASSED:
        read = read_runs([answer.run])[0]
        assert read.status == "completed"
        assert read.reviewed or (read.success is True and read.measured)
    written = suite.to_json()
    json.loads(written, parse_constant=pytest.fail)
    assert SuiteVerdict.from_json(written) == suite
    for render in (junit.render, markdown.render, html.render):
        render(suite).encode("utf-8")
