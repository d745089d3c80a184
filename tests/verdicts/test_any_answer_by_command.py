"""Values of any type, depth and size in an answer, through `cekura-kit run`: a verdict, or errored by name.

``FUZZ_EXAMPLES=300`` runs more commands than the gate does, each with ten answers, and with other values each time.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cekura_agent_kit.verdict import Kind, Outcome, SuiteVerdict
from tests.hosted import FORMS, Done, Hosted, hosted
from tests.verdicts.test_any_answer import any_fields, deep

SCENARIOS: Final = tuple(range(30, 40))
EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "6"))
EXPECTED: Final = {None, Kind.UNSCORED, Kind.RUN_FAILED, Kind.TIMEOUT, Kind.EVALUATOR_MISSING}
"""Kinds that answers alone can lead to."""
_ODD_METRIC: Final = {"name": "\ud800", "score": float("nan"), "value": float("nan"), "eval_type": "numeric"}
COUNTED: Final[Counter[str]] = Counter()
"""Runs of all commands by what they came to; shown with ``pytest -s``."""


@pytest.fixture(scope="module")
def services() -> Iterator[Hosted]:
    with hosted(SCENARIOS) as found:
        yield found
    print(f"\n{COUNTED.pop('commands', 0)} commands, {COUNTED.total()} runs: {dict(COUNTED.most_common())}")


@given(answers=st.lists(any_fields, min_size=len(SCENARIOS), max_size=len(SCENARIOS)))
@example(
    answers=[
        {"status": "completed", "success": True, "rubric": [{"metric_name": 10**400, "passed": True, "value": 1e400}]},
        {"status": "completed", "success": True, "rubric": [{"passed": True, "conditions": deep(400)}]},
        {
            "status": "completed",
            "success": True,
            "evaluation": {"metrics": [{"name": "\ud800", "value": float("nan")}]},
        },
        {"status": "completed", "success": False, "expected_outcome": deep(400), "mocked_tool_names": deep(400)},
        {"status": "completed", "success": True, "expected_outcome": '{"score": ' + "[" * 50_000},
        {"status": "completed", "success": False, "expected_outcome": {"explanation": ["x" * 2_000_000]}},
        {"status": "completed", "success": True, "rubric": [{"metric_name": f"Rule {n}"} for n in range(20_000)]},
        {"status": "completed", "success": "true", "evaluation_status": ["reviewed_success"]},
        {"status": "completed", "success": True, "transcript_object": deep(300), "transcript": ["\x1b[2J" * 1000]},
        {"status": deep(5), "success": True, "metadata": deep(300), "error_message": deep(300)},
    ]
)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
def test_any_answer_comes_to_a_verdict(services: Hosted, answers: list[dict[str, Any]]) -> None:
    services.cekura.fields = dict(zip(SCENARIOS, answers, strict=True))
    verdict = _checked(services.run(SCENARIOS), SCENARIOS)
    for run in verdict.runs:
        COUNTED[run.kind or run.outcome] += 1
        assert run.kind in EXPECTED, (run.kind, run.reason)
        if run.outcome is Outcome.PASSED:
            given = services.cekura.fields[run.scenario]
            assert run.measured or given.get("evaluation_status") == "reviewed_success", given
    COUNTED["commands"] += 1


@pytest.mark.parametrize(
    "body",
    [b"[" * 200_000, b"[]", b"\xff\xfe\x00", b"1" * 10_000, b'[{"id": {}}]'],
    ids=["deep", "empty", "binary", "number", "object-as-id"],
)
def test_an_answer_that_is_no_run_at_all_is_errored(services: Hosted, body: bytes) -> None:
    services.cekura.raw = body
    try:
        verdict = _checked(services.run(SCENARIOS[:2]), SCENARIOS[:2])
    finally:
        services.cekura.raw = None
    assert {run.kind for run in verdict.runs} <= {Kind.CEKURA_UNREACHABLE, Kind.EVALUATOR_MISSING, Kind.TIMEOUT}
    assert verdict.exit_code == 2


def _checked(done: Done, scenarios: tuple[int, ...]) -> SuiteVerdict:
    """Check what holds whatever Cekura sends, and return the verdict of the JSON report."""
    assert "Traceback" not in done.printed
    assert "a fault in cekura-kit" not in done.printed, done.printed
    assert set(done.reports) == set(FORMS), done.printed
    json.loads(done.reports["json"], parse_constant=pytest.fail)
    verdict = SuiteVerdict.from_json(done.reports["json"])
    assert [run.scenario for run in verdict.runs] == list(scenarios)
    assert done.code == verdict.exit_code
    assert "\x1b[2J" not in done.printed
    return verdict
