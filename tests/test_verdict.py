"""Verdict of a suite: outcomes never mixed up, and the JSON report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit import Kind, Mode, Outcome, RunVerdict, SuiteVerdict
from cekura_agent_kit.errors import ReportError
from cekura_agent_kit.verdict import Check, Metric, PoolId, RubricRule, SkipReason, Statement, failures

PASSED, FAILED, ERRORED, SKIPPED = Outcome


def run(scenario: int, outcome: Outcome, *, mode: Mode = Mode.TEXT, nth: int = 1, **more: Any) -> RunVerdict:
    kind = Kind.AGENT_MISSING if outcome is ERRORED else None
    return RunVerdict(case=f"{scenario}#{nth}", scenario=scenario, mode=mode, outcome=outcome, kind=kind, **more)


def suite(*runs: RunVerdict, **more: object) -> SuiteVerdict:
    given = {"suite": "s", "suite_id": "x", "started_at": "2026-01-01T00:00:00+00:00", "duration_s": 1.0} | more
    return SuiteVerdict.of(runs, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcomes", "overall", "code"),
    [
        ([], ERRORED, 2),
        ([PASSED], PASSED, 0),
        ([PASSED, PASSED], PASSED, 0),
        ([PASSED, FAILED], FAILED, 1),
        ([FAILED, ERRORED], ERRORED, 2),
        ([PASSED, ERRORED], ERRORED, 2),
    ],
)
def test_exit_code(outcomes: list[Outcome], overall: Outcome, code: int) -> None:
    verdict = suite(*(run(i, outcome) for i, outcome in enumerate(outcomes)))
    assert verdict.outcome is overall
    assert verdict.exit_code == code


def test_a_suite_that_errored_as_a_whole_is_errored_whatever_its_runs() -> None:
    assert suite(run(1, PASSED), kind=Kind.CANCELLED).exit_code == 2


@pytest.mark.parametrize(
    ("passed", "of", "rate", "outcome"),
    [(4, 5, 0.8, PASSED), (3, 5, 0.8, FAILED), (0, 3, 0.0, PASSED), (11, 20, 0.55, PASSED), (2, 3, 1.0, FAILED)],
)
def test_a_pool_is_judged_by_its_rate(passed: int, of: int, rate: float, outcome: Outcome) -> None:
    runs = [run(9, PASSED if n < passed else FAILED, nth=n + 1) for n in range(of)]
    (pool,) = suite(*runs, pass_rates={PoolId("", 9, Mode.TEXT): rate}).pools
    assert (pool.outcome, pool.passed, pool.failed) == (outcome, passed, of - passed)


def test_a_rate_forgives_no_error() -> None:
    verdict = suite(run(9, PASSED), run(9, ERRORED), pass_rates={PoolId("", 9, Mode.TEXT): 0.5})
    assert verdict.exit_code == 2


def test_entries_of_one_scenario_are_judged_apart() -> None:
    """One entry's passes do not make up for another's failures."""
    runs = [run(9, outcome, entry=entry) for entry, outcome in [("silver", PASSED), ("gold", FAILED)] for _ in range(2)]
    verdict = suite(*runs, pass_rates={PoolId.of(each): 0.5 for each in runs})
    assert [(pool.entry, pool.outcome, pool.flaky) for pool in verdict.pools] == [
        ("silver", PASSED, False),
        ("gold", FAILED, False),
    ]
    assert verdict.exit_code == 1
    (scenario,) = verdict.scenarios
    assert (scenario.outcome, scenario.passed, scenario.failed, scenario.flaky) == (FAILED, 2, 2, False)


def test_flaky_is_passed_and_failed_in_one_pool() -> None:
    by_mode = suite(run(1, PASSED), run(1, FAILED, mode=Mode.VOICE), run(2, PASSED), run(2, FAILED), run(3, FAILED))
    assert [scenario.flaky for scenario in by_mode.scenarios] == [False, True, False]


def test_a_skipped_run_counts_nowhere() -> None:
    verdict = suite(run(1, PASSED), run(1, SKIPPED, reason=SkipReason.DECIDED))
    (pool,) = verdict.pools
    assert (pool.passed, pool.failed, pool.errored, pool.skipped, pool.stopped) == (1, 0, 0, 1, True)
    assert (verdict.outcome, verdict.exit_code) == (PASSED, 0)


def test_a_suite_of_skipped_runs_alone_is_errored() -> None:
    assert suite(run(1, SKIPPED, reason=SkipReason.DECIDED)).exit_code == 2


@pytest.mark.parametrize(
    ("others", "overall"), [([], FAILED), ([PASSED], FAILED), ([FAILED], FAILED), ([PASSED, ERRORED], ERRORED)]
)
def test_what_failed_in_memory_never_ends_in_success(others: list[Outcome], overall: Outcome) -> None:
    left_out = run(9, SKIPPED, reason=SkipReason.TRIED)
    verdict = suite(left_out, *(run(i, outcome) for i, outcome in enumerate(others)))
    assert verdict.outcome is overall
    assert SuiteVerdict.from_json(verdict.to_json()) == verdict


def test_fail_fast_never_ends_in_success() -> None:
    """The failure that stopped the suite may be within its pool's rate; what was left out is not known."""
    failed = run(1, FAILED)
    verdict = suite(
        run(1, PASSED), failed, run(2, SKIPPED, reason=SkipReason.FAIL_FAST), pass_rates={PoolId.of(failed): 0.5}
    )
    assert [pool.outcome for pool in verdict.pools] == [PASSED, SKIPPED]
    assert verdict.exit_code == 1


def test_the_report_has_the_documented_keys() -> None:
    """The drawing in docs/design.md is the format; the rate and its outcome came with the rule for rates."""
    design = (Path(__file__).parent.parent / "docs/design.md").read_text()
    drawn = design.split("**JSON report, version 2**")[1].split("Times are seconds")[0]
    drawn_keys = set(re.findall(r'"(\w+)"(?=[:,}])', drawn))
    schema = json.dumps(SuiteVerdict.model_json_schema(mode="serialization"))
    properties: set[str] = set()
    for each in [json.loads(schema), *json.loads(schema)["$defs"].values()]:
        properties |= set(each.get("properties", {}))
    assert len(drawn_keys) > 50
    assert drawn_keys <= properties


def test_version_1_is_read_and_judged_by_pools() -> None:
    """Version 1 pooled text and voice of a scenario: two passes in text made up for two failures in voice."""
    runs = [
        {"case": f"9#{n}", "scenario": 9, "mode": mode, "outcome": outcome}
        for n, (mode, outcome) in enumerate([("text", "passed")] * 2 + [("voice", "failed")] * 2, start=1)
    ]
    scenario = {"scenario": 9, "outcome": "passed", "passed": 2, "failed": 2, "errored": 0, "pass_rate": 0.5}
    report = {
        "version": 1,
        "suite": "s",
        "suite_id": "x",
        "outcome": "passed",
        "started_at": "2026-01-01T00:00:00+00:00",
        "duration_s": 1.0,
        "runs": runs,
        "scenarios": [scenario | {"flaky": False}],
    }
    read = SuiteVerdict.from_json(json.dumps(report))
    assert [(pool.mode, pool.outcome, pool.pass_rate) for pool in read.pools] == [
        (Mode.TEXT, PASSED, 0.5),
        (Mode.VOICE, FAILED, 0.5),
    ]
    assert (read.version, read.outcome, read.scenarios[0].outcome) == (2, FAILED, FAILED)
    assert SuiteVerdict.from_json(read.to_json()) == read


def test_every_key_is_always_there() -> None:
    written = json.loads(suite(run(1, PASSED)).to_json())
    assert written["runs"][0]["timeline"] == dict.fromkeys(written["runs"][0]["timeline"])
    assert {"kind", "hint", "results", "rooms_left"} <= written.keys()
    assert {"latency", "transcript", "transcript_source", "metrics", "recording_url"} <= written["runs"][0].keys()


def test_a_report_is_read_back_as_it_was() -> None:
    verdict = suite(run(1, PASSED), run(2, ERRORED), rooms_left=["cekura-kit-0123456789abcdef"])
    assert SuiteVerdict.from_json(verdict.to_json()) == verdict


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "r.json: the file: Invalid JSON"),
        ("[]", "r.json: the file: Input should be an object"),
        ('{"version": 3}', "r.json: a report of version 3"),
    ],
)
def test_what_is_no_report_is_named(text: str, says: str) -> None:
    with pytest.raises(ReportError) as caught:
        SuiteVerdict.from_json(text, source="r.json")
    assert says in str(caught.value)


def test_failures_are_told_once_and_the_deciding_one_first() -> None:
    """The agent's own checks come first. A rule and its metric are one failure; the metric's explanation is the rule's,
    if the rule has none.
    """
    found = failures(
        rubric=[RubricRule(name="Tone", passed=False, value="rude"), RubricRule(name="Pace")],
        metrics=[
            Metric(name="Tone", type="enum", value="rude", passed=False, explanation="It said\n'what now'."),
            Metric(name="Booked", type="binary", score=0.0, passed=False),
            Metric(name="Words", type="numeric", value=140.0),
            Metric(name="Greeting", type="binary", passed=True),
        ],
        statements=[Statement(text="A dessert is offered.", outcome="not_met"), Statement(text="x", outcome="blocked")],
        checks=[Check(name="one booking", ok=False, detail="2"), Check(name="paid", ok=True)],
    )
    assert found == [
        "the agent's check failed: one booking (2)",
        "rubric rule Tone failed with rude: It said 'what now'.",
        "metric Booked failed with 0",
        "not met: A dessert is offered.",
    ]
