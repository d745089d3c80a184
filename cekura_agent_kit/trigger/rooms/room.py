"""One room of a run: created, its agent dispatched and ready, its participants listed, and deleted in every case."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

from ...contract import ENDED_ATTRIBUTE, Mode
from ...errors import LiveKitError, LiveKitUnreachable, NoSuchRoom
from ...permit import Key
from ...verdict import Kind
from .. import machine
from ..errored import Errored
from ..plan.planned_run import PlannedRun
from ..plan.suite import Suite
from ..timing import Timing
from .arrival import Arrival
from .budget import Budget
from .marks import room_metadata, with_run
from .outages import Outages
from .presence import ANNOUNCED, EVALUATOR
from .readiness import SIMULATION, Readiness, agents_in, not_ready, readiness, refuse
from .service import LiveKit, Participant, retried

PREFIX: Final = "cekura-kit-"
MARGIN: Final = 120.0
"""Seconds by which room and tokens outlive the run's timeout: for the agent's readiness and for the clean-up."""

BUSY_FACTOR: Final = 3
"""Times `agent_timeout` in which the suite's own worker may accept the job, and then start its agent while the machine
is busy: that passes. A worker measures its load over 2.5 s."""
_JOBS_INTERVAL: Final = 1.0
"""Seconds between two lists of the dispatch's jobs, which the server updates late anyway."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class Room:
    """One room of the suite's.

    Args:
        livekit: the suite's client.
        timing: intervals and limits.
        planned: the run that the room is for.
        suite: the run's suite.
        clock: seconds from the suite's start.

    Attributes:
        agent_joined: when the agent was first listed as ACTIVE, in seconds from the suite's start.
        readiness: of the agent, once it is ready.
        outages: of the server, since the room was created; begun anew with the conversation.
    """

    def __init__(
        self, livekit: LiveKit, timing: Timing, planned: PlannedRun, suite: Suite, clock: Callable[[], float]
    ) -> None:
        self.name = f"{PREFIX}{secrets.token_hex(8)}"
        self.agent_joined: float | None = None
        self.readiness = Readiness(False)
        self.outages = Outages()
        self._livekit, self._timing, self._planned, self._suite, self._clock = livekit, timing, planned, suite, clock
        self._id = ""
        self._dispatch: str | None = None

    @property
    def budget(self) -> Budget:
        """Budget of the suite's requests."""
        return self._livekit.budget

    @property
    def lifetime(self) -> float:
        """Seconds for which the room may be needed."""
        return 2 * BUSY_FACTOR * self._suite.agent_timeout + self._planned.timeout + MARGIN

    async def create(self, suite_id: str) -> None:
        """Create the room, marked as the suite's."""
        now = time.time()
        times = {"made": now, "deadline": now + self.lifetime}
        metadata = room_metadata(self._planned.room_metadata, suite=self._suite.name, suite_id=suite_id, **times)
        self._id = await self._livekit.create_room(self.name, metadata=metadata, lasts=self.lifetime)

    async def mark_run(self, run_id: int, key: Key) -> None:
        """Add the run's id, with a proof, to what the room's metadata is now: `sweep` ends a run that is left behind.

        The id is left out where LiveKit does not answer, or where the agent has replaced the metadata by other text.
        """
        try:
            listed = await self._livekit.rooms([self.name])
            if listed and (marked := with_run(listed[0].metadata, room=self.name, run_id=run_id, key=key)):
                await self._livekit.set_room_metadata(self.name, marked)
        except LiveKitError as error:
            _log.debug("the room %s has no run id: %s", self.name, error)

    async def dispatch_agent(
        self, agent_name: str, metadata: str, *, ours: bool = False, on_wait: Callable[[str], None] = lambda _: None
    ) -> None:
        """Dispatch the agent and wait until it is ready; dispatch again if no worker accepted the job.

        Args:
            agent_name: name under which its worker is registered.
            metadata: of the job.
            ours: the suite's own worker, which is registered, serves it. Then only the load of its machine keeps it
                from jobs, and that passes: dispatched again for `BUSY_FACTOR` times `agent_timeout`. Otherwise until
                `agent_timeout`. At least twice: a worker on a busy machine accepts late. Its agent has as long to get
                ready, while the machine is busy.
            on_wait: called with one line of text when the wait goes beyond `agent_timeout`.

        Raises:
            Errored: the agent did not join, joined twice, refused, or is in another mode.
        """
        begin, dispatches, is_told = self._clock(), 0, False
        limit = self._suite.agent_timeout
        patience = limit * BUSY_FACTOR if ours else limit
        while dispatches < 2 or self._clock() - begin < patience:
            waited_for = self._clock() - begin
            if dispatches and waited_for >= limit and not is_told:
                is_told = True
                on_wait(
                    f"no worker has accepted the job for {waited_for:.0f} s, longer than `agent_timeout`: "
                    + (f"the suite's worker is busy, and may take {patience:g} s" if ours else "dispatched once more")
                )
            dispatches += 1
            if await self._dispatch_once(agent_name, metadata, patience):
                return
        waited = f"{dispatches} dispatches in {self._clock() - begin:.0f} s, {self._timing.no_job:g} s each"
        if ours:
            raise Errored(
                Kind.AGENT_MISSING,
                f"the suite's worker got no job: {waited}",
                hint="use `worker: agent.py`, which reports no load, lower `concurrency`, or run on a larger machine: "
                "LiveKit sends no jobs to a worker that reports full load, and `start` refuses them above 0.7",
            )
        raise Errored(
            Kind.AGENT_MISSING,
            f"no worker accepted the job for agent {agent_name!r}: {waited}",
            hint="check the agent's name, that its worker is registered with this LiveKit project and not full, "
            "and the limit of agents of your LiveKit plan",
        )

    async def _dispatch_once(self, agent_name: str, metadata: str, patience: float) -> bool:
        """Dispatch, and wait. Returns True when the agent is ready, False when no worker accepted the job.

        ``patience``: seconds from the job to the agent while this machine is busy; `agent_timeout` while it is not.
        """
        text_by_dispatch = self._planned.mode is Mode.TEXT and self._suite.text_switch == "dispatch"
        attributes = self._planned.job_attributes or (SIMULATION if text_by_dispatch else None)
        self._dispatch = await self._livekit.dispatch(
            self.name, agent_name=agent_name, metadata=metadata, attributes=attributes
        )
        progress = Arrival(self._clock)
        while True:
            # Also before the first list: no agent comes at once.
            await asyncio.sleep(self._timing.list_fast)
            agents = agents_in(await self.participants() or [])
            progress.update(agents)
            if self.agent_joined is None:
                self.agent_joined = progress.active
            found = self._readiness(agents, progress)
            if found.ready:
                self.readiness = found
                return True
            if not await self._accepted(progress):
                await self._withdraw_dispatch()
                return False
            waited = progress.since(progress.job)
            if waited >= patience or (waited >= self._suite.agent_timeout and not machine.is_busy()):
                raise not_ready(agents, waited)

    def _readiness(self, agents: list[Participant], progress: Arrival) -> Readiness:
        return readiness(
            agents,
            mode=self._planned.mode,
            switch=self._suite.text_switch,
            active_for=progress.since(progress.active),
            text_for=progress.since(progress.mode),
            # Before the agent's timeout is over: it is in the room, and sets no attribute.
            patience=self._suite.agent_timeout * 0.75,
            timing=self._timing,
            needs_signature=bool(self._planned.tools),
        )

    async def _accepted(self, progress: Arrival) -> bool:
        """Return False once no worker has accepted the job within `Timing.no_job`; until then True."""
        overdue = progress.since(progress.dispatched) >= self._timing.no_job
        if progress.job is not None or not (overdue or progress.since(progress.jobs_listed) >= _JOBS_INTERVAL):
            return True
        progress.jobs_listed = self._clock()
        if await self._has_job():
            progress.job = self._clock()
            return True
        return not overdue

    async def _has_job(self) -> bool:
        assert self._dispatch is not None, "jobs belong to a dispatch"
        try:
            return await self._livekit.jobs(self.name, self._dispatch) > 0
        except LiveKitUnreachable as error:
            _log.debug("the jobs of %s are not known: %s", self.name, error)
            return False

    async def _withdraw_dispatch(self) -> None:
        """Delete the dispatch, and make sure that no agent joined of it: another dispatch would add a second one."""
        await self._delete_dispatch(within=2)
        if agents_in(await self.participants() or []):
            # Its job was ended just after it joined: what is left of the agent cannot be trusted.
            raise Errored(
                Kind.AGENT_MISSING, "the agent joined just when its dispatch was withdrawn", hint="run it again"
            )

    async def check_agent(self) -> None:
        """Check once more, before the start is paid for, that the agent is ready.

        Raises:
            Errored: the agent has left, or is not alone; or LiveKit did not answer.
        """
        participants = await self.participants()
        if participants is None:
            raise Errored(
                Kind.LIVEKIT_UNREACHABLE,
                "LiveKit did not answer just before the start",
                hint="check that the LiveKit server runs, and run it again",
            )
        agents = agents_in(participants)
        refuse(agents, mode=self._planned.mode, switch=self._suite.text_switch)
        if not agents:
            raise Errored(Kind.AGENT_LEFT, "the agent left before the start", hint="read the worker's log")

    async def participants(self, *, urgent: bool = False) -> list[Participant] | None:
        """List the participants; none if the room does not exist any more, None if LiveKit does not answer."""
        asked = self._clock()
        try:
            listed = await self._livekit.participants(self.name, urgent=urgent)
        except NoSuchRoom:
            listed = []
        except LiveKitUnreachable as error:
            _log.debug("the participants of %s are not known: %s", self.name, error)
            self.outages.unanswered(asked, refused=error.refused)
            return None
        if self.outages.goes_on and await self._is_made_again():
            self.outages.restarted()
        self.outages.answered(self._clock())
        return listed

    async def _is_made_again(self) -> bool:
        """Return True if the room is another one of the same name: who is in it came back to a restarted server."""
        try:
            return any(room.id != self._id for room in await self._livekit.rooms([self.name]))
        except LiveKitError:
            return False

    async def exists(self) -> bool:
        """Return False if the server does not list the room. Participants of such a room are listed as none."""
        try:
            return bool(await self._livekit.rooms([self.name]))
        except LiveKitError as error:
            _log.debug("it is not known if %s exists: %s", self.name, error)
            return True

    async def announce(self) -> None:
        """Have the server announce the evaluator at once, not 2.4 s later. The wrapper keeps what comes before."""
        await self._if_possible(self._livekit.set_attribute(self.name, EVALUATOR, ANNOUNCED))

    async def tell_end(self, agent: str) -> None:
        """Tell an agent that the conversation is over. It may have left, and learns of it later by itself."""
        await self._if_possible(self._livekit.set_attribute(self.name, agent, ENDED_ATTRIBUTE))

    async def _if_possible(self, request: Awaitable[None]) -> None:
        try:
            await request
        except LiveKitError as error:
            _log.debug("in %s: %s", self.name, error)

    async def delete(self, *, within: float) -> bool:
        """Delete the dispatch, then the room, within so many seconds. Returns False if the room may still exist."""
        # A job that never connected goes on unless its dispatch is deleted.
        await self._delete_dispatch(within=min(within / 2, 3))
        error = await retried(lambda: self._livekit.delete_room(self.name), within=within)
        if error is not None:
            _log.warning("room %s was not deleted: %s", self.name, error)
        return error is None

    async def _delete_dispatch(self, *, within: float) -> None:
        dispatch, self._dispatch = self._dispatch, None
        if dispatch is not None:
            error = await retried(lambda: self._livekit.delete_dispatch(self.name, dispatch), within=within)
            if error is not None:
                _log.debug("the dispatch of %s was not deleted: %s", self.name, error)
