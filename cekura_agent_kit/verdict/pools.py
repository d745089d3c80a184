"""Verdicts of pools and scenarios. A pool is the unit that a pass rate judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..contract import Mode
from .decision import required_passes
from .outcomes import Kind, Outcome, SkipReason
from .report_model import ReportModel
from .run_verdict import RunVerdict


class PoolId(NamedTuple):
    """Identity of a pool: one entry of the suite's `runs`, one scenario, one mode."""

    entry: str
    scenario: int
    mode: Mode

    @classmethod
    def of(cls, run: RunVerdict) -> PoolId:
        """Return the pool that the run belongs to."""
        return cls(run.entry, run.scenario, run.mode)


class PoolVerdict(ReportModel):
    """Verdict of all runs of one entry, scenario and mode."""

    entry: str
    """Name of the entry in the suite's `runs`; empty in reports of version 1."""
    scenario: int
    """Id on Cekura."""
    name: str = ""
    """Name of the scenario."""
    mode: Mode
    passed: int
    """Number of runs that passed."""
    failed: int
    """Number of runs that failed."""
    errored: int
    """Number of runs that errored."""
    skipped: int = 0
    """Runs left out on purpose; they count neither for nor against the pool."""
    pass_rate: float = 1.0
    """Share of passed runs, 0 to 1, that the pool needs."""
    outcome: Outcome
    """Errored if any run errored, else passed if `passed / (passed + failed)` is at least `pass_rate`, else failed.
    Skipped if every run was skipped."""
    flaky: bool = False
    """Some runs passed and some failed, other attempts at them included."""
    stopped: bool = False
    """Some runs were skipped, so only the outcome can be compared with another report's."""

    @property
    def id(self) -> PoolId:
        """Identity of the pool."""
        return PoolId(self.entry, self.scenario, self.mode)

    @property
    def judged(self) -> int:
        """Number of runs that count."""
        return self.passed + self.failed + self.errored


class ScenarioVerdict(ReportModel):
    """Verdict of all runs of one scenario, over all its pools."""

    scenario: int
    """Id on Cekura."""
    name: str = ""
    """Name on Cekura."""
    outcome: Outcome
    """Worst outcome of its pools: errored, then failed, then passed. Skipped if every run was skipped."""
    passed: int
    """Number of runs that passed."""
    failed: int
    """Number of runs that failed."""
    errored: int
    """Number of runs that errored."""
    pass_rate: float = 1.0
    """Highest pass rate of its pools."""
    flaky: bool
    """At least one of its pools is flaky."""


def pools_of(
    runs: Iterable[RunVerdict], pass_rates: Mapping[PoolId, float], superseded: Iterable[RunVerdict] = ()
) -> list[PoolVerdict]:
    """Judge each pool by its runs, in the order of their first run.

    Args:
        runs: all runs of the suite.
        pass_rates: the rate that each pool needs, 0 to 1. Default: 1.
        superseded: other attempts at the same cases; a pool in which one passed and one failed is flaky.
    """
    by_pool: dict[PoolId, list[RunVerdict]] = {}
    for run in runs:
        by_pool.setdefault(PoolId.of(run), []).append(run)
    others: dict[PoolId, set[Outcome]] = {}
    for run in superseded:
        others.setdefault(PoolId.of(run), set()).add(run.outcome)
    return [
        _pool(pool, members, pass_rates.get(pool, 1.0), others.get(pool, set())) for pool, members in by_pool.items()
    ]


def scenarios_of(pools: Iterable[PoolVerdict]) -> list[ScenarioVerdict]:
    """Judge each scenario by its pools, in the order of their first pool."""
    by_scenario: dict[int, list[PoolVerdict]] = {}
    for pool in pools:
        by_scenario.setdefault(pool.scenario, []).append(pool)
    return [
        ScenarioVerdict(
            scenario=scenario,
            name=next((pool.name for pool in members if pool.name), ""),
            outcome=_worst(pool.outcome for pool in members),
            passed=sum(pool.passed for pool in members),
            failed=sum(pool.failed for pool in members),
            errored=sum(pool.errored for pool in members),
            pass_rate=max(pool.pass_rate for pool in members),
            flaky=any(pool.flaky for pool in members),
        )
        for scenario, members in by_scenario.items()
    ]


def outcome_of(runs: list[RunVerdict], pools: list[PoolVerdict], kind: Kind | None) -> Outcome:
    """Return the outcome of a suite with these runs and pools.

    Args:
        runs: all runs of the suite.
        pools: their pools.
        kind: set if the suite as a whole errored.
    """
    if kind is not None:
        return Outcome.ERRORED
    outcome = _worst(pool.outcome for pool in pools)
    left_out = {run.reason for run in runs if run.outcome is Outcome.SKIPPED}
    if outcome is Outcome.SKIPPED:
        return Outcome.FAILED if SkipReason.TRIED in left_out else Outcome.ERRORED
    # Both follow a failure of the agent's. Fail-fast: one that a pass rate may forgive, which says nothing about the
    # runs left out.
    failed = bool(left_out & {SkipReason.FAIL_FAST, SkipReason.TRIED})
    return Outcome.FAILED if outcome is Outcome.PASSED and failed else outcome


def _worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the worst outcome: errored, failed, passed. Skipped if there is no other."""
    found = set(outcomes)
    ranked = (Outcome.ERRORED, Outcome.FAILED, Outcome.PASSED)
    return next((outcome for outcome in ranked if outcome in found), Outcome.SKIPPED)


def _pool(pool: PoolId, runs: list[RunVerdict], pass_rate: float, others: set[Outcome]) -> PoolVerdict:
    passed, failed, errored, skipped = (sum(run.outcome is outcome for run in runs) for outcome in Outcome)
    if errored:
        outcome = Outcome.ERRORED
    elif not passed + failed:
        outcome = Outcome.SKIPPED
    else:
        outcome = Outcome.PASSED if passed >= required_passes(passed + failed, pass_rate) else Outcome.FAILED
    return PoolVerdict(
        entry=pool.entry,
        scenario=pool.scenario,
        name=next((run.scenario_name for run in runs if run.scenario_name), ""),
        mode=pool.mode,
        passed=passed,
        failed=failed,
        errored=errored,
        skipped=skipped,
        pass_rate=pass_rate,
        outcome=outcome,
        flaky={Outcome.PASSED, Outcome.FAILED} <= {run.outcome for run in runs} | others,
        stopped=bool(skipped),
    )
