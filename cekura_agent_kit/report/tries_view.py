"""Tries of a report: what was held in memory before the first start, by entry and scenario."""

from __future__ import annotations

from dataclasses import dataclass

from ..counting import counted
from ..verdict import Outcome, RunVerdict, SuiteVerdict
from .phrases import entry_name
from .sanitize import printable_line


@dataclass(frozen=True)
class Tried:
    """All tries of one scenario for one entry.

    Attributes:
        tries: in order, at least one.
        left_out: number of runs that were not started because of them.
    """

    tries: list[RunVerdict]
    left_out: int

    @property
    def title(self) -> str:
        """Scenario's id and name, and the entry's name if it says more."""
        first = self.tries[0]
        parts = (f"{first.scenario} {first.scenario_name}".strip(), entry_name(first))
        return printable_line(" · ".join(filter(None, parts)), 120)

    @property
    def deciding(self) -> list[RunVerdict]:
        """Those that kept runs from being started: the failed ones, where runs were left out."""
        return [each for each in self.tries if each.outcome is Outcome.FAILED] if self.left_out else []

    @property
    def outcome(self) -> Outcome:
        """Failed if it kept runs from being started, errored if no try could be held to its end, else passed."""
        if self.left_out:
            return Outcome.FAILED
        return Outcome.PASSED if any(each.outcome is not Outcome.ERRORED for each in self.tries) else Outcome.ERRORED

    @property
    def summary(self) -> str:
        """``0 of 2 passed in memory, 3 runs not started``."""
        passed = sum(each.outcome is Outcome.PASSED for each in self.tries)
        errored = sum(each.outcome is Outcome.ERRORED for each in self.tries)
        parts = [f"{passed} of {len(self.tries)} passed in memory"]
        parts += [f"{errored} errored"] if errored else []
        parts += [f"{counted(self.left_out, 'run')} not started"] if self.left_out else []
        return ", ".join(parts)


def tried(verdict: SuiteVerdict) -> list[Tried]:
    """Return the tries by entry and scenario: those that kept runs from being started first."""
    left_out: dict[tuple[str, int], int] = {}
    for run in verdict.runs:
        if run.failed_in_memory:
            left_out[run.entry, run.scenario] = left_out.get((run.entry, run.scenario), 0) + 1
    tries: dict[tuple[str, int], list[RunVerdict]] = {}
    for each in verdict.tries:
        tries.setdefault((each.entry, each.scenario), []).append(each)
    found = [Tried(members, left_out.get(key, 0)) for key, members in tries.items()]
    return sorted(found, key=lambda each: not each.left_out)


def failed_tries(verdict: SuiteVerdict) -> list[RunVerdict]:
    """Return one failed try of each scenario of which runs were not started: the others are usually the same."""
    return [failed[0] for each in tried(verdict) if (failed := each.deciding)]
