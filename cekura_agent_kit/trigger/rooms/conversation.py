"""Conversation in one room, from the evaluator's join, which is announced at once, until either side has left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ...contract import FAILED_ATTRIBUTE, PROOF_ATTRIBUTE, SIGNED, SIGNED_ATTRIBUTE, TEXT_ONLY, Mode
from ..plan.suite_values import TextSwitch
from ..timing import Clock, Timing
from .presence import Presence, evaluator_in
from .readiness import agents_in, refuse
from .room import Room
from .service import Participant

_EXPECTED: Final = 30.0
"""Seconds from the start for which the evaluator's join is expected, and polled for fast; it is queued afterwards."""
_QUEUED: Final = 1.0
"""Seconds between two lists while the evaluator is queued: it is announced a second late at most, not 2.4."""


class RunStatus(Protocol):
    """Cekura's latest word on a run."""

    @property
    def final(self) -> bool:
        """True once its verdict is known."""
        ...

    @property
    def conversation_over(self) -> bool:
        """True once its conversation has ended."""
        ...


class Reading(Protocol):
    """A run as it is read from Cekura."""

    @property
    def latest(self) -> RunStatus | None:
        """The latest answer; None before the first."""
        ...


@dataclass
class Conversation:
    """Conversation in one room, watched until it is over.

    Args:
        room: the room.
        mode: of the run.
        switch: how text mode is reached.
        timing: intervals between two lists.
        clock: the suite's clock.
        on_evaluator: called once the evaluator was listed, with the server's join time on the suite's clock.
        on_evaluator_gone: called when the evaluator is not listed any more: Cekura may know of an end.
    """

    room: Room
    mode: Mode
    switch: TextSwitch
    timing: Timing
    clock: Clock
    on_evaluator: Callable[[float], None]
    on_evaluator_gone: Callable[[], None] = lambda: None
    reading: Reading | None = None
    """The run on Cekura, once it is known."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by others when the room or the run has changed, so that the next list is not waited for."""
    agent_died: Callable[[], bool] = lambda: False
    """Returns True once the agent's process is known to be dead: the server lists its participant for 20 s more."""
    agent_left: bool = False
    """The agent left before the evaluator did."""
    agent_lost: bool = False
    """The agent left, did not reconnect, and the evaluator was still in the room."""
    room_lost: bool = False
    """The room was gone while the evaluator was in it."""
    failed_check: str = ""
    """The first of the agent's own checks that failed, by its attribute."""
    notes: list[str] = field(default_factory=list)
    """For the run's report."""
    proven: bool = False
    """The agent set the proof of text mode."""
    ended: float | None = None
    """End of the conversation, in seconds from the suite's start."""
    _signed: bool = False
    """The agent accepted the test's signature, so that its wrapper ends the job."""
    _over_since: float | None = None
    _told: bool = False
    """The agent was told that the evaluator has left."""

    async def watch(self) -> None:
        """Wait until the evaluator has left, Cekura reports the end, or the agent has left and does not reconnect.

        An agent that ends its own job is then waited for, up to `Timing.agent_ends`: it may still report checks.

        Raises:
            Errored: a second agent joined, the agent set `cekura.error`, or it is in another mode.
        """
        with self.room.budget.regular():
            await self._watch(self.clock())

    async def _watch(self, begin: float) -> None:
        presence = Presence(self.timing, self.clock, listed_at=begin)
        # No evaluator comes before the start has been received.
        await self._pause(self.timing.list_fast)
        while True:
            self.changed.clear()
            joined = presence.evaluator_since is not None
            here = joined and presence.evaluator_gone is None
            # Until the evaluator is announced, no other request is more urgent.
            participants = await self.room.participants(urgent=not joined and self._expected(begin))
            now = self.clock()
            if here and participants == []:
                self.room_lost = self.room_lost or not await self.room.exists()
            presence.update(participants, now)
            self.room.outages.joined_again = presence.joined_again
            if not joined and presence.evaluator_since is not None:
                await self.room.announce()
                self.on_evaluator(presence.evaluator_since)
            if here and presence.evaluator_gone is not None:
                self.on_evaluator_gone()
            if participants is not None:
                self._check_agents(participants)
            over = self._over(presence, now)
            if over and not self._awaits_agent(presence, now):
                await self._list_for_proof()
                self.agent_left = self.agent_lost or presence.agent_left_first
                self.ended = presence.evaluator_gone if presence.evaluator_gone is not None else now
                return
            if over:
                await self._tell_end(presence, participants)
            await self._pause(self._interval(presence, participants, begin, now))

    def status_read(self) -> None:
        """React to a new status of the run. A list is worth making for its end alone."""
        run = self.reading.latest if self.reading else None
        if run is not None and (run.final or run.conversation_over):
            self.changed.set()

    async def _list_for_proof(self) -> None:
        """List once more for the proof: a short conversation can end between two lists, and its witness learns late."""
        if self.mode is Mode.TEXT and not self.proven:
            agents = agents_in(await self.room.participants() or [])
            self.proven = any(agent.attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY for agent in agents)

    def _check_agents(self, participants: Sequence[Participant]) -> None:
        agents = agents_in(participants)
        self.proven |= any(agent.attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY for agent in agents)
        self._signed |= any(agent.attributes.get(SIGNED_ATTRIBUTE) == SIGNED for agent in agents)
        failed = (agent.attributes.get(FAILED_ATTRIBUTE, "") for agent in agents)
        self.failed_check = self.failed_check or next(filter(None, failed), "")
        refuse(agents, mode=self.mode, switch=self.switch)

    def _over(self, presence: Presence, now: float) -> bool:
        run = self.reading.latest if self.reading else None
        here = presence.evaluator_since is not None and presence.evaluator_gone is None
        if run is not None and (run.final or (run.conversation_over and not here)):
            return True
        if presence.agent_lost(now) or (presence.evaluator_gone is None and self.agent_died()):
            self.agent_lost = True
            return True
        return presence.evaluator_left(now)

    def _awaits_agent(self, presence: Presence, now: float) -> bool:
        """Return True while the agent ends its own job, after a conversation that is over."""
        if self._over_since is None:
            self._over_since = now
        is_here = presence.agent_gone is None and not self.agent_died()
        if not (self._signed and is_here) or presence.evaluator_since is None:
            return False
        if presence.evaluator_gone is None:
            # It has left in the meantime, or it stays in the room after its run's end.
            return now - self._over_since < self.timing.evaluator_gone
        if now - presence.evaluator_gone < self.timing.agent_ends:
            return True
        self.notes.append(
            f"the agent's job had not ended {self.timing.agent_ends:g} s after the evaluator had left: later checks of "
            "its own are not in this report"
        )
        return False

    async def _tell_end(self, presence: Presence, participants: Sequence[Participant] | None) -> None:
        """Tell the agent once that the evaluator has left."""
        if presence.evaluator_gone is not None and not self._told:
            self._told = True
            for agent in agents_in(participants or []):
                await self.room.tell_end(agent.identity)

    def _expected(self, begin: float) -> bool:
        return self.clock() - begin < _EXPECTED

    def _interval(
        self, presence: Presence, participants: Sequence[Participant] | None, begin: float, now: float
    ) -> float:
        if self._over_since is not None:
            return 2 * self.timing.list_fast
        if presence.evaluator_gone is not None and (rest := self._until_left(presence.evaluator_gone, now)) > 0:
            # The next list decides.
            return max(rest, self.timing.list_fast)
        if presence.evaluator_since is not None:
            if participants is None or presence.agent_gone is not None or presence.evaluator_gone is not None:
                return self.timing.list_slow
            # With many rooms the end is seen on Cekura first, by a read that all runs share.
            return min(max(self.timing.list_slow, self.room.budget.regular_interval), self.timing.list_rarest)
        if evaluator_in(participants) is not None:
            # It is ACTIVE within a fraction of a second, and its first words follow.
            return self.timing.list_fast / 2
        return self.timing.list_fast if self._expected(begin) else max(_QUEUED, self.timing.list_fast)

    def _until_left(self, gone: float, now: float) -> float:
        return gone + self.timing.evaluator_gone - now

    async def _pause(self, interval: float) -> None:
        try:
            async with asyncio.timeout(interval):
                await self.changed.wait()
        except TimeoutError:
            return
        # Several changes arrive together; one list serves them all.
        await asyncio.sleep(min(self.timing.list_fast, interval))
