"""Comparison of a report with a baseline: one earlier report, or several whose runs add up. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from ..contract import Mode
from ..errors import ReportError
from ..verdict import (
    Baseline,
    Change,
    Comparison,
    Outcome,
    PoolComparison,
    PoolId,
    PoolVerdict,
    Rate,
    RunVerdict,
    SuiteVerdict,
)
from .chance import fisher, significant, smallest, wilson
from .versions import changes, notes

_ORDER: Final[tuple[Change, ...]] = (
    "newly_failing",
    "still_failing",
    "flaky",
    "errored",
    "fixed",
    "new",
    "gone",
    "passing",
)


@dataclass
class _Side:
    """A pool in one or more reports."""

    pools: list[PoolVerdict] = field(default_factory=list)
    runs: list[RunVerdict] = field(default_factory=list)

    @property
    def counts(self) -> tuple[int, int]:
        """Passed, and judged, runs."""
        passed = sum(pool.passed for pool in self.pools)
        return passed, passed + sum(pool.failed for pool in self.pools)

    @property
    def rate(self) -> Rate | None:
        """The share of passed runs; None if no report has the pool."""
        if not self.pools:
            return None
        passed, of = self.counts
        low, high = wilson(passed, of) if of else (None, None)
        return Rate(passed=passed, judged=of, low=low, high=high)

    @property
    def is_judged(self) -> bool:
        """True if some report judged it, or left it out because it failed in memory."""
        tried = any(run.failed_in_memory for run in self.runs)
        return tried or any(pool.outcome in (Outcome.PASSED, Outcome.FAILED) for pool in self.pools)

    @property
    def has_passed(self) -> bool:
        """True if it passed in more reports than it failed in."""
        outcomes = [pool.outcome for pool in self.pools]
        return outcomes.count(Outcome.PASSED) > outcomes.count(Outcome.FAILED)

    @property
    def is_flaky(self) -> bool:
        """True if some runs passed and some failed."""
        passed, of = self.counts
        return 0 < passed < of

    @property
    def was_stopped(self) -> bool:
        """True if runs were left out: its rate is biased."""
        return any(pool.stopped for pool in self.pools)

    @property
    def reply(self) -> float | None:
        """Median of all reply times, in seconds."""
        turns = [turn for run in self.runs for turn in run.latency.turns]
        return round(median(turns), 3) if turns else None

    def url(self, *outcomes: Outcome) -> str:
        """Return the page of the first run with one of the outcomes that has one."""
        return next((run.url for run in self.runs if run.url and run.outcome in outcomes), "")


def compared(verdict: SuiteVerdict, baselines: Sequence[SuiteVerdict]) -> SuiteVerdict:
    """Return the report with its comparison.

    Args:
        verdict: the report.
        baselines: earlier reports of the suite, at least one.

    Raises:
        ReportError: a baseline is of another suite, or has no run in a mode of this report.
    """
    for baseline in baselines:
        require_comparable(baseline, suite=verdict.suite, modes={pool.mode for pool in verdict.pools})
    now, before = _sides([verdict]), _sides(baselines, known={pool.id for pool in verdict.pools})
    # Of a part of the suite, what it left out is not gone.
    ids = list(dict.fromkeys(now if verdict.narrowed or verdict.shard else [*now, *before]))
    tests = {
        each: (fisher(before[each].counts, now[each].counts), smallest(before[each].counts[1], now[each].counts[1]))
        for each in ids
        if each in now and each in before and before[each].counts[1] and now[each].counts[1]
    }
    by_rate = {key: test for key, test in tests.items() if not (now[key].was_stopped or before[key].was_stopped)}
    fell, tested = significant(by_rate)
    pools = [
        _pool(
            each,
            before.get(each, _Side()),
            now.get(each, _Side()),
            p=tests[each][0] if each in tests else None,
            tested=each in tested,
            fell=each in fell,
        )
        for each in ids
    ]
    pools = [
        pool.model_copy(update={"changed": changes(before[each].runs, now[each].runs)})
        if each in before and each in now
        else pool
        for each, pool in zip(ids, pools, strict=True)
    ]
    pools.sort(key=lambda pool: (not pool.worse, _ORDER.index(pool.change)))
    comparison = Comparison(
        baselines=[
            Baseline(suite_id=each.suite_id, started_at=each.started_at, outcome=each.outcome) for each in baselines
        ],
        worse=sum(pool.worse for pool in pools),
        pools=pools,
    )
    return verdict.model_copy(update={"comparison": comparison, "notes": [*verdict.notes, *notes(pools)]})


def require_comparable(baseline: SuiteVerdict, *, suite: str, modes: Collection[Mode]) -> None:
    """Refuse a baseline that tells nothing of a suite.

    Args:
        baseline: an earlier report.
        suite: name of the suite.
        modes: of the suite's runs.

    Raises:
        ReportError: the baseline is of another suite, or has no run in these modes.
    """
    if baseline.suite != suite:
        raise ReportError(
            f"the baseline is of another suite: {baseline.suite!r}, not {suite!r}",
            hint="give JSON reports of the same suite; `name` in the suite file, or --name, names it",
        )
    if baseline.pools and modes and not set(modes) & {pool.mode for pool in baseline.pools}:
        raise ReportError(
            f"the baseline has no run in {' or '.join(sorted(modes))} mode", hint="give a report of the same mode"
        )


def _sides(verdicts: Sequence[SuiteVerdict], known: set[PoolId] | None = None) -> dict[PoolId, _Side]:
    """Return each pool of the reports. A pool of version 1 has no entry: it is the only one of `known` that fits."""
    sides: dict[PoolId, _Side] = {}
    for verdict in verdicts:
        names = {pool.id: _known(pool.id, known or set()) for pool in verdict.pools}
        for pool in verdict.pools:
            sides.setdefault(names[pool.id], _Side()).pools.append(pool)
        for run in verdict.runs:
            sides[names[PoolId.of(run)]].runs.append(run)
    return sides


def _known(pool: PoolId, known: set[PoolId]) -> PoolId:
    same = [each for each in known if (each.scenario, each.mode) == (pool.scenario, pool.mode)]
    return same[0] if not pool.entry and len(same) == 1 else pool


def _pool(pool: PoolId, before: _Side, now: _Side, *, p: float | None, tested: bool, fell: bool) -> PoolComparison:
    change = _change(before, now)
    failing = change in ("newly_failing", "flaky") and before.has_passed and not now.has_passed
    against, ours = (Outcome.FAILED, Outcome.PASSED) if now.has_passed else (Outcome.PASSED, Outcome.FAILED)
    return PoolComparison(
        entry=pool.entry,
        scenario=pool.scenario,
        name=next((each.name for each in (*now.pools, *before.pools) if each.name), ""),
        mode=pool.mode,
        change=change,
        worse=failing and (fell or not tested),
        before=before.rate,
        now=now.rate,
        by="rate" if tested else "outcome",
        p=None if p is None else round(p, 6),
        significant=fell,
        reply_before=before.reply,
        reply_now=now.reply,
        url_before=before.url(against),
        url_now=now.url(ours),
    )


def _change(before: _Side, now: _Side) -> Change:
    if not now.pools:
        return "gone"
    if not before.pools:
        return "new"
    if any(pool.outcome is Outcome.ERRORED for pool in now.pools) or not (now.is_judged and before.is_judged):
        return "errored"
    if before.is_flaky and now.is_flaky:
        return "flaky"
    if now.has_passed:
        return "passing" if before.has_passed else "fixed"
    return "newly_failing" if before.has_passed else "still_failing"
