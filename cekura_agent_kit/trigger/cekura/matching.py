"""Runs on Cekura matched to the rooms that they were started for. Pure.

An answer to a start names its runs by scenario. If the answer was lost, a run is matched where no other explanation is
left: the evaluator joined the suite's room, so the run exists; and Cekura lists exactly one run of its scenario and
mode that is new, that no answer has named, and that no other lost start could have made. Where two explanations are
left, as when another job starts the same scenario at the same moment, the run stays unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ...contract import Mode
from .api_models import ApiRun, StartAnswer


def match_answer(scenarios: Sequence[int], answer: StartAnswer) -> dict[int, ApiRun]:
    """Return the run of each scenario that the answer names exactly once."""
    named = Counter(run.scenario for run in answer.runs)
    return {
        run.scenario: run
        for run in answer.runs
        if run.scenario is not None and run.scenario in scenarios and named[run.scenario] == 1
    }


@dataclass(frozen=True)
class LostRun:
    """One run of a start whose answer was lost.

    Attributes:
        case: of the run.
        scenario, mode: of the run.
        before: ids of the runs that were listed before its POST was sent; None if that list could not be read.
    """

    case: str
    scenario: int
    mode: Mode
    before: frozenset[int] | None

    def could_be(self, run: ApiRun, known: Collection[int]) -> bool:
        """Return True for a run that this start may have made.

        Args:
            run: as Cekura lists it.
            known: ids of the runs that answers have named.
        """
        return (
            self.before is not None
            and run.id not in self.before
            and run.id not in known
            and run.scenario == self.scenario
            and run.text in (None, self.mode is Mode.TEXT)
        )


def candidates(lost: Iterable[LostRun], listed: Iterable[ApiRun], known: Collection[int]) -> list[ApiRun]:
    """Return the listed runs that one of the lost starts may have made."""
    lost = list(lost)
    return [run for run in listed if any(each.could_be(run, known) for each in lost)]


def match_lost(joined: Sequence[LostRun], listed: Sequence[ApiRun], known: Collection[int]) -> dict[str, ApiRun]:
    """Match lost runs to the runs that Cekura lists.

    Args:
        joined: all lost runs of the suite whose evaluator is, or was, in its room; the list was read after it joined.
        listed: the latest runs.
        known: ids of the runs that answers have named.

    Returns:
        Case to its run, for each case that only one run can be.
    """
    matched: dict[str, ApiRun] = {}
    for key in {(each.scenario, each.mode) for each in joined}:
        same = [each for each in joined if (each.scenario, each.mode) == key]
        runs = {run.id: run for run in candidates(same, listed, known)}
        # More runs than rooms: another job's, or those of a POST whose answer is under way. Fewer: the list is cut.
        if len(runs) == len(same):
            matched |= _only_matching(same, runs, known)
    return matched


def _only_matching(lost: Sequence[LostRun], runs: dict[int, ApiRun], known: Collection[int]) -> dict[str, ApiRun]:
    """Match each case that has one run left, and then those for which that leaves one."""
    matched: dict[str, ApiRun] = {}
    while True:
        taken = {run.id for run in matched.values()}
        for each in lost:
            left = [run for run in runs.values() if run.id not in taken and each.could_be(run, known)]
            if each.case not in matched and len(left) == 1:
                matched[each.case] = left[0]
                break
        else:
            return matched
