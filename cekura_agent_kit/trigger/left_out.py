"""Runs that are not started, because their scenario failed in memory before (`--try`). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..counting import counted
from ..verdict import Outcome, PoolId, RunVerdict
from ..verdict.decision import required_passes
from .plan.planned_run import PlannedRun


def left_out(
    plan: Iterable[PlannedRun], tries: Iterable[RunVerdict], pass_rates: Mapping[PoolId, float]
) -> dict[str, str]:
    """Return a note for each case that is not started: how its scenario failed.

    A scenario has failed if its tries do not reach the pass rate of its pool. A try that could not be held counts
    neither for nor against it.

    Args:
        plan: the runs.
        tries: conversations held in memory.
        pass_rates: share of passed runs, 0 to 1, that each pool needs.
    """
    held: dict[tuple[str, int], list[RunVerdict]] = {}
    for each in tries:
        if each.outcome is not Outcome.ERRORED:
            held.setdefault((each.entry, each.scenario), []).append(each)
    notes = {}
    for planned in plan:
        judged = held.get((planned.entry, planned.scenario), [])
        if judged and (note := _failed(judged, pass_rates.get(planned.pool, 1.0))):
            notes[planned.case] = note
    return notes


def _failed(judged: Sequence[RunVerdict], pass_rate: float) -> str:
    passed = sum(run.outcome is Outcome.PASSED for run in judged)
    if passed >= required_passes(len(judged), pass_rate):
        return ""
    reason = next((run.reason for run in judged if run.outcome is Outcome.FAILED), "")
    return f"{passed} of {counted(len(judged), 'try', 'tries')} in memory passed: {reason}"
