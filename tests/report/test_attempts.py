"""Reports of which one has run again what did not pass in another: which attempt counts, and what is kept of both."""

from __future__ import annotations

from typing import Any

import pytest

from cekura_agent_kit.report import junit, markdown
from cekura_agent_kit.report.merge import merged
from cekura_agent_kit.verdict import Kind, Outcome, RunVerdict, Shard, SuiteVerdict

from .verdicts import ERRORED, FAILED, PASSED, POOL, run, suite

LATER = "2026-03-01T12:00:00+00:00"
BROKEN: dict[str, Any] = {"kind": Kind.AGENT_MISSING, "reason": "no worker"}
WRONG: dict[str, Any] = {"reason": "the price was wrong"}


def again(n: int = 1, outcome: Outcome = PASSED, **more: Any) -> RunVerdict:
    return run(n, outcome, run_id=80000 + n, room=f"again-{n}", **more)


def first(*runs: RunVerdict, **more: Any) -> SuiteVerdict:
    return suite(*runs, suite_id="aa", **more)


def second(*runs: RunVerdict, **more: Any) -> SuiteVerdict:
    return suite(*runs, **{"suite_id": "bb", "retries": "aa", "started_at": LATER, "duration_s": 5.0} | more)


@pytest.mark.parametrize(
    ("before", "after", "outcome", "note"),
    [
        (run(1, FAILED, **WRONG), again(1), PASSED, "an earlier attempt failed: the price was wrong (run 70001"),
        (run(1, ERRORED, **BROKEN), again(1), PASSED, "an earlier attempt errored: no worker (run 70001"),
        (run(1, FAILED, **WRONG), again(1, FAILED, **WRONG), FAILED, "an earlier attempt failed"),
        (run(1, FAILED, **WRONG), again(1, ERRORED, **BROKEN), FAILED, "a later attempt errored: no worker (run 80001"),
        (run(1, ERRORED, **BROKEN), again(1, ERRORED, **BROKEN), ERRORED, "an earlier attempt errored"),
    ],
)
def test_the_last_attempt_that_was_judged_counts(
    before: RunVerdict, after: RunVerdict, outcome: Outcome, note: str
) -> None:
    both = merged([first(before, run(2)), second(after)])

    assert [(each.case, each.outcome) for each in both.runs] == [("30#1", outcome), ("30#2", PASSED)]
    assert both.outcome is outcome
    assert note in both.runs[0].notes[-1]
    assert len(both.superseded) == 1
    assert both.cost is not None
    assert both.cost.runs == 3, "each attempt was paid for"
    assert {both.superseded[0].run_id, both.runs[0].run_id} == {70001, 80001}
    assert both == merged([second(after), first(before, run(2))]).model_copy(
        update={"suite_id": both.suite_id, "results": both.results}
    )
    assert SuiteVerdict.from_json(both.to_json()) == both
    for rendered in (markdown.render(both), junit.render(both)):
        assert "attempt" in rendered


def test_a_case_that_failed_and_then_passed_is_flaky() -> None:
    both = merged([first(run(1, FAILED, **WRONG)), second(again(1))])

    assert (both.pools[0].passed, both.pools[0].failed, both.pools[0].flaky) == (1, 0, True)
    assert not merged([first(run(1, ERRORED, **BROKEN)), second(again(1))]).pools[0].flaky


def test_a_report_that_is_no_later_attempt_counts_beside_the_other() -> None:
    both = merged([first(run(1, FAILED, **WRONG)), second(again(1), retries="")])

    assert [each.outcome for each in both.runs] == [FAILED, PASSED]
    assert both.superseded == []


def test_attempts_can_be_merged_one_by_one_or_all_at_once() -> None:
    one, two = first(run(1, FAILED, **WRONG)), second(again(1, FAILED, **WRONG))
    third = suite(run(1, run_id=90001, room="third"), suite_id="cc", retries="aa+bb", started_at=LATER)
    all_at_once, stepwise = merged([one, two, third]), merged([merged([one, two]), third])

    for both in (all_at_once, stepwise):
        assert [(each.run_id, each.outcome) for each in both.runs] == [(90001, PASSED)]
        assert sorted(each.run_id or 0 for each in both.superseded) == [70001, 80001]
    assert merged([one, suite(run(1, run_id=90001, room="third"), suite_id="cc", retries="bb"), two]).outcome is PASSED


def test_the_time_between_the_attempts_is_nobodys() -> None:
    assert merged([first(run(1, FAILED), duration_s=20.0), second(again(1))]).duration_s == 25.0


def test_a_suite_that_broke_is_whole_once_every_case_was_judged() -> None:
    broken = first(run(1, ERRORED, **BROKEN), run(2, ERRORED, **BROKEN), kind=Kind.WORKER_FAILED, hint="read its log")

    assert merged([broken, second(again(1), again(2))]).outcome is PASSED
    half = merged([broken, second(again(1))])
    assert (half.outcome, half.kind) == (ERRORED, Kind.WORKER_FAILED)


def test_a_later_attempt_covers_no_missing_shard() -> None:
    shard = first(run(1, FAILED), shard=Shard(index=1, of=2))
    both = merged([shard, second(again(1))])

    assert (both.outcome, both.kind) == (ERRORED, Kind.SHARD_MISSING)


def test_parts_of_a_later_attempt_stay_one() -> None:
    parts = [
        second(again(n), shard=Shard(index=n, of=2), suite_id=f"b{n}", narrowed="--only-failed a.json") for n in (1, 2)
    ]
    later = merged(parts)

    assert (later.retries, later.narrowed) == ("aa", "--only-failed a.json")
    assert merged([first(run(1, FAILED), run(2, FAILED), pass_rates={POOL: 1.0}), later]).outcome is PASSED
