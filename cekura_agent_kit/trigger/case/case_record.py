"""Record of one run: what was observed of it, shared with the caller of `run_suite` as it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..plan.planned_run import PlannedRun
from ..progress import Event, Noted, Stage, StageName
from ..timing import Clock
from .judging import Observed


class CaseRecord:
    """Record of one run, written by everything that makes the run.

    Args:
        planned: the run.
        clock: of the suite.
        emit: called with each stage and note.

    Attributes:
        case: its case, ``30#1``.
        seen: what was observed of it so far.
    """

    def __init__(self, planned: PlannedRun, clock: Clock, emit: Callable[[Event], None]) -> None:
        self.case: Final = planned.case
        self.seen: Final = Observed(planned)
        self._clock, self._emit = clock, emit

    def stage(self, stage: StageName, at: float | None = None) -> None:
        """Record that the run reached a stage, once: now, or at a time in seconds of the suite's clock."""
        if stage in self.seen.timeline:
            return
        self.seen.timeline[stage] = self._clock() if at is None else at
        self._emit(Stage(self.case, stage, round(self.seen.timeline[stage], 3)))

    def note(self, text: str) -> None:
        """Add a note to the run's verdict."""
        self.seen.notes.append(text)
        self._emit(Noted(self.case, text))
