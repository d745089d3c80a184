"""Arrival of a dispatched agent, by lists of its room."""

from __future__ import annotations

from collections.abc import Callable

from ...contract import MODE_ATTRIBUTE
from .service import Participant


class Arrival:
    """Times of one dispatch, in seconds from the suite's start; None for what has not happened."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.dispatched = self.jobs_listed = clock()
        self.job: float | None = None
        self.active: float | None = None
        self.mode: float | None = None

    def update(self, agents: list[Participant]) -> None:
        """Note what a list of the room's agents shows for the first time."""
        now = self._clock()
        if agents:
            self.job = self.job or now
        if agents and agents[0].state == "active":
            self.active = self.active or now
        if agents and MODE_ATTRIBUTE in agents[0].attributes:
            self.mode = self.mode or now

    def since(self, time: float | None) -> float:
        """Return the seconds since one of these times; 0 if it has not come."""
        return 0.0 if time is None else self._clock() - time
