"""Attempts at a case, in reports of which one has run again what did not pass in another. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..verdict import Outcome, RunVerdict, SuiteVerdict

Attempt = tuple[RunVerdict, SuiteVerdict]
"""A run, and the report that has it."""


def ids_of(verdict: SuiteVerdict) -> set[str]:
    """Return the ids of a report; a merged one has those of its parts."""
    return set(verdict.suite_id.split("+"))


def earlier_than(verdict: SuiteVerdict, verdicts: Sequence[SuiteVerdict]) -> list[SuiteVerdict]:
    """Return the reports of which this one has run cases again, in any number of steps."""
    found: list[SuiteVerdict] = []
    wanted = set(verdict.retries.split("+")) - {""}
    while new := [each for each in verdicts if each is not verdict and each not in found and ids_of(each) & wanted]:
        found += new
        wanted |= {each for one in new for each in one.retries.split("+")} - {""}
    return found


def counting(
    attempts: Sequence[Attempt], verdicts: Sequence[SuiteVerdict]
) -> tuple[list[RunVerdict], list[RunVerdict]]:
    """Return the runs that count, and those in whose place another attempt counts.

    The last attempt counts that Cekura judged; if none was judged, the last one. What the others were is a note of it.

    Args:
        attempts: all runs, each with its report.
        verdicts: all reports.
    """
    earlier = {id(verdict): {id(each) for each in earlier_than(verdict, verdicts)} for verdict in verdicts}

    def wins(one: Attempt, other: Attempt) -> bool:
        if id(other[1]) in earlier[id(one[1])]:
            return _judged(one[0]) or not _judged(other[0])
        return id(one[1]) in earlier[id(other[1])] and _judged(one[0]) and not _judged(other[0])

    by_case: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_case.setdefault(attempt[0].case, []).append(attempt)
    runs, superseded = [], []
    for case in by_case.values():
        for attempt in case:
            if any(wins(other, attempt) for other in case):
                superseded.append(attempt[0])
                continue
            beaten = [other for other in case if wins(attempt, other)]
            notes = [_note(run, later=id(attempt[1]) in earlier[id(verdict)]) for run, verdict in beaten]
            runs.append(attempt[0].model_copy(update={"notes": [*attempt[0].notes, *notes]}) if notes else attempt[0])
    return runs, superseded


def is_settled(verdict: SuiteVerdict, verdicts: Sequence[SuiteVerdict]) -> bool:
    """Return True if later attempts have judged every case of a report that did not pass."""
    later = [each for each in verdicts if verdict in earlier_than(each, verdicts)]
    judged = {run.case for each in later for run in each.runs if _judged(run)}
    return bool(later and verdict.runs) and all(
        run.case in judged for run in verdict.runs if run.outcome is not Outcome.PASSED
    )


def _judged(run: RunVerdict) -> bool:
    return run.outcome in (Outcome.PASSED, Outcome.FAILED)


def _note(run: RunVerdict, *, later: bool) -> str:
    where = f" (run {run.run_id}{f', {run.url}' if run.url else ''})" if run.run_id is not None else ""
    why = f": {run.reason}" if run.reason else ""
    return f"{'a later' if later else 'an earlier'} attempt {run.outcome}{why}{where}"
