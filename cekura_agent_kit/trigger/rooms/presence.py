"""The conversation: from the evaluator's arrival, announced at once, to its leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...contract import PROOF_ATTRIBUTE, TEXT_ONLY, Mode
from ..cekura.poller import FollowedRun
from ..suite import TextSwitch
from ..timing import Clock, Timing
from .readiness import agents_in, refuse
from .room import EVALUATOR, Room
from .service import Participant

_QUICK = 30.0
"""Seconds of quick looks for the evaluator after the start, and after Cekura says that the run goes on; then slower."""
_WAITING = 1.0
"""Seconds between looks for an evaluator that is queued: announced a second late at most, not 2.4."""


@dataclass
class Presence:
    """Who was there, look by look. Pure; times are seconds on one clock.

    Attributes:
        evaluator_since: the server's join time of the evaluator, on our clock; None until it was seen ACTIVE.
        evaluator_gone: since when it is gone; None while it is there or has not come.
        agent_gone: since when the agent is gone; None while it is there.
    """

    timing: Timing
    evaluator_since: float | None = None
    evaluator_gone: float | None = None
    agent_gone: float | None = None
    _evaluator_there: bool = False
    _agent_there: bool = True
    _break: float | None = None
    _looked: float | None = None

    def update(self, participants: Sequence[Participant] | None, now: float, *, clock: Clock) -> None:
        """Take in a look.

        Args:
            participants: who is listed; None where LiveKit did not answer.
            now: when the look was answered.
            clock: the suite's clock.
        """
        if participants is None:
            self._break = now
            return
        evaluator = next((each for each in participants if each.identity == EVALUATOR), None)
        if evaluator is not None and evaluator.state == "active" and self.evaluator_since is None:
            # The server's clock may differ from ours: it cannot have joined before the last look or after this one.
            earliest = self._looked if self._looked is not None else now
            self.evaluator_since = min(max(clock.of_unix(evaluator.joined_at), earliest - 1), now)
        self._evaluator_there = evaluator is not None
        self._agent_there = bool(agents_in(participants))
        self.evaluator_gone = self._gone(self.evaluator_gone, self._evaluator_there, now)
        self.agent_gone = self._gone(self.agent_gone, self._agent_there, now)
        if self.evaluator_since is None:
            self.evaluator_gone = None
        self._looked = now

    def evaluator_left(self, now: float) -> bool:
        """The evaluator was there, and has been away for too long to come back."""
        return self.evaluator_gone is not None and now - self.evaluator_gone >= self._patience(
            now, self.timing.evaluator_gone
        )

    def agent_lost(self, now: float) -> bool:
        """The agent has been away for too long to come back."""
        return self.agent_gone is not None and now - self.agent_gone >= self._patience(now, self.timing.agent_gone)

    @property
    def agent_left_first(self) -> bool:
        """The agent is gone, and went before the evaluator, by at least one look."""
        if self.agent_gone is None:
            return False
        return self.evaluator_gone is None or self.agent_gone < self.evaluator_gone

    def _patience(self, now: float, usual: float) -> float:
        """Longer after LiveKit did not answer: a server that was restarted lists nobody until they are back."""
        recent = self._break is not None and now - self._break < 2 * self.timing.gone_after_outage
        return max(usual, self.timing.gone_after_outage) if recent else usual

    @staticmethod
    def _gone(since: float | None, there: bool, now: float) -> float | None:
        return None if there else since if since is not None else now


@dataclass
class Conversation:
    """One talk in one room, watched until it is over.

    Args:
        room: where.
        mode, switch: of the run.
        timing: between the looks.
        clock: seconds from the suite's start.
        on_evaluator: told when the evaluator was found, with the server's join time.
    """

    room: Room
    mode: Mode
    switch: TextSwitch
    timing: Timing
    clock: Clock
    on_evaluator: Callable[[float], None]
    reading: FollowedRun | None = None
    """The run on Cekura, once it is known."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by whoever knows that a look is worth it."""
    agent_left: bool = False
    """The agent went before the evaluator did."""
    agent_lost: bool = False
    """And the evaluator was still there when it was given up."""
    proven: bool = False
    """The agent said that it is text only."""
    ended: float | None = None

    async def watch(self) -> None:
        """Until the evaluator has gone, Cekura says that the talk is over, or the agent has gone for good.

        Raises:
            Errored: a second agent came, the agent gave up, or it talks in another mode.
        """
        presence = Presence(self.timing)
        begin, told, announced = self.clock(), False, False
        while True:
            self.changed.clear()
            # Until it is announced, no other request is worth more.
            participants = await self.room.participants(urgent=not announced and self._any_time_now(begin))
            now = self.clock()
            presence.update(participants, now, clock=self.clock)
            if presence.evaluator_since is not None and not announced:
                announced = True
                await self.room.announce()
            if presence.evaluator_since is not None and not told:
                told = True
                self.on_evaluator(presence.evaluator_since)
            if participants is not None:
                agents = agents_in(participants)
                self.proven |= any(agent.attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY for agent in agents)
                refuse(agents, mode=self.mode, switch=self.switch)
            if self._over(presence, now):
                self.agent_left = presence.agent_left_first
                self.ended = presence.evaluator_gone if presence.evaluator_gone is not None else now
                return
            await self._pause(announced, begin, there=_evaluator_in(participants))

    def _over(self, presence: Presence, now: float) -> bool:
        run = self.reading.latest if self.reading else None
        gone = presence.evaluator_gone is not None
        if run is not None and (run.final or (run.conversation_over and (gone or presence.evaluator_since is None))):
            return True
        if presence.agent_lost(now):
            self.agent_lost = True
            return True
        return presence.evaluator_left(now)

    def _any_time_now(self, begin: float) -> bool:
        return self.clock() - begin < _QUICK

    async def _pause(self, announced: bool, begin: float, *, there: bool) -> None:
        if announced:
            wait = self.timing.list_slow
        elif there:
            # It becomes ACTIVE within a fraction of a second, and its first words are on their way.
            wait = self.timing.list_fast / 2
        else:
            wait = self.timing.list_fast if self._any_time_now(begin) else max(_WAITING, self.timing.list_fast)
        try:
            await asyncio.wait_for(self.changed.wait(), wait)
        except TimeoutError:
            return
        # Several changes come together; one look serves them.
        await asyncio.sleep(min(self.timing.list_fast, wait))


def _evaluator_in(participants: Sequence[Participant] | None) -> bool:
    return any(each.identity == EVALUATOR for each in participants or ())
