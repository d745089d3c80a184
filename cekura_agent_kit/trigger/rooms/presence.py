"""Presence of evaluator and agent in a room, list by list: who joined when, and who has left for good. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ..timing import Clock, Timing
from .readiness import agents_in
from .service import Participant

ANNOUNCED: Final = "cekura.announced"
"""Attribute of the evaluator. Any update of its attributes makes the server announce it at once, not 2.4 s later."""
EVALUATOR: Final = "cekura-evaluator"
"""Identity of Cekura's evaluator, in its token."""


@dataclass
class Presence:
    """Presence of evaluator and agent by the lists so far. Times are seconds from the suite's start.

    Attributes:
        evaluator_since: the server's join time of the evaluator; None until it was listed as ACTIVE.
        evaluator_gone: since when it is not listed any more; None while it is listed or has never joined.
        agent_gone: since when no agent is listed; None while one is.
        listed_at: when the last list was received; before the first, when the evaluator had certainly not joined.
    """

    timing: Timing
    clock: Clock
    listed_at: float | None = None
    evaluator_since: float | None = None
    evaluator_gone: float | None = None
    agent_gone: float | None = None
    _first_ids: dict[str, str] = field(default_factory=dict)
    _came_back: set[str] = field(default_factory=set)
    _outage: float | None = None

    def update(self, participants: Sequence[Participant] | None, now: float) -> None:
        """Add a list.

        Args:
            participants: who is listed; None if LiveKit did not answer.
            now: when the list was received.
        """
        if participants is None:
            self._outage = now
            return
        evaluator = evaluator_in(participants)
        if evaluator is not None and evaluator.state == "active" and self.evaluator_since is None:
            self.evaluator_since = self._join_time(evaluator, now)
        self.agent_gone = None if agents_in(participants) else _earlier(self.agent_gone, now)
        if self.evaluator_since is not None:
            self.evaluator_gone = None if evaluator is not None else _earlier(self.evaluator_gone, now)
        for each in (*agents_in(participants), *([evaluator] if evaluator else [])):
            if self._first_ids.setdefault(each.identity, each.id) != each.id:
                self._came_back.add(each.identity)
        self.listed_at = now

    @property
    def joined_again(self) -> int:
        """Number of those, of evaluator and agent, who had to join again. A connection that is resumed is none."""
        return len(self._came_back)

    def evaluator_left(self, now: float) -> bool:
        """Return True if the evaluator joined, and is gone for too long to reconnect."""
        return self._left(self.evaluator_gone, now, self.timing.evaluator_gone)

    def agent_lost(self, now: float) -> bool:
        """Return True if the agent is gone for too long to reconnect."""
        return self._left(self.agent_gone, now, self.timing.agent_gone)

    @property
    def agent_left_first(self) -> bool:
        """True if the agent is gone, and left at least one list before the evaluator did."""
        if self.agent_gone is None:
            return False
        return self.evaluator_gone is None or self.agent_gone < self.evaluator_gone

    def _join_time(self, evaluator: Participant, now: float) -> float:
        # The server's clock may differ from this one: it cannot have joined before the last list or after this one.
        earliest = self.listed_at if self.listed_at is not None else now
        return min(max(self.clock.of_unix(evaluator.joined_at), earliest - 1), now)

    def _left(self, gone: float | None, now: float, usual: float) -> bool:
        # A LiveKit server that was restarted lists nobody until they have reconnected.
        outage = self._outage is not None and now - self._outage < 2 * self.timing.gone_after_outage
        limit = max(usual, self.timing.gone_after_outage) if outage else usual
        return gone is not None and now - gone >= limit


def evaluator_in(participants: Sequence[Participant] | None) -> Participant | None:
    """Return the evaluator, in whatever state; None if it is not listed."""
    return next((each for each in participants or () if each.identity == EVALUATOR), None)


def _earlier(since: float | None, now: float) -> float:
    return now if since is None else since
