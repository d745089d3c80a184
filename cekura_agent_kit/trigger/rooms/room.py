"""One room: made, an agent sent to it, ready, watched, and deleted whatever happened."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Final

from ...contract import MODE_ATTRIBUTE, Mode
from ...errors import LiveKitError, LiveKitUnreachable, NoSuchRoom
from ...verdict import Kind
from ..judging import Errored
from ..suite import PlannedRun, Suite
from ..timing import Timing
from .readiness import SIMULATION, agents_in, readiness, refuse
from .service import LiveKit, Participant, retried, room_metadata

PREFIX: Final = "cekura-kit-"
EVALUATOR: Final = "cekura-evaluator"
MARGIN: Final = 120.0
"""Seconds by which room and tokens outlive the run's timeout: the agent's readiness before it, the clean-up after."""

_LOAD_PATIENCE: Final = 120.0
"""Seconds for the load of the machine of the suite's own worker to pass; a worker measures it over 2.5 s."""
_JOB_LOOK: Final = 1.0
"""Between two looks at the dispatch's jobs, which are listed late anyway."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class Room:
    """A room of ours.

    Args:
        livekit: the suite's client.
        timing: how long what is awaited.
        planned: the run that it is for.
        suite: the run's suite.
        clock: seconds from the suite's start.
    """

    def __init__(
        self, livekit: LiveKit, timing: Timing, planned: PlannedRun, suite: Suite, clock: Callable[[], float]
    ) -> None:
        self.name = f"{PREFIX}{secrets.token_hex(8)}"
        self.agent_joined: float | None = None
        self.note = ""
        self._livekit, self._timing, self._planned, self._suite, self._clock = livekit, timing, planned, suite, clock
        self._dispatch: str | None = None

    @property
    def lifetime(self) -> float:
        """Seconds for which it may be needed."""
        return self._suite.agent_timeout + self._planned.timeout + MARGIN

    async def create(self, suite_id: str) -> None:
        """Make it."""
        now = time.time()
        metadata = room_metadata(suite=self._suite.name, suite_id=suite_id, made=now, deadline=now + self.lifetime)
        await self._livekit.create_room(self.name, metadata=metadata, lasts=self.lifetime)

    async def dispatch_agent(self, agent_name: str, metadata: str, *, ours: bool = False) -> None:
        """Dispatch the agent and wait until it is ready; once more where no worker took the first dispatch.

        Args:
            agent_name: whom.
            metadata: the job's.
            ours: the suite's own worker serves it, and is registered. Then it is its machine's load for which it
                gets no job, and that passes: dispatched anew for up to two minutes.

        Raises:
            Errored: it did not come, came twice, refused, or is in another mode.
        """
        begin, dispatches = self._clock(), 0
        while dispatches < 2 or (ours and self._clock() - begin < _LOAD_PATIENCE):
            dispatches += 1
            if await self._dispatched(agent_name, metadata):
                return
        waited = f"{dispatches} dispatches, {self._timing.no_job:g} s each"
        if ours:
            raise Errored(
                Kind.AGENT_MISSING,
                f"the suite's worker got no job: {waited}",
                hint="LiveKit gives none to a worker on a machine that is fully loaded, and `start` refuses them above "
                "a load of 0.7: use `dev --no-reload`, lower `concurrency`, or a larger machine",
            )
        raise Errored(
            Kind.AGENT_MISSING,
            f"no worker took the job for agent {agent_name!r}: {waited}",
            hint="check the agent's name, that its worker is registered with this LiveKit project and not full, "
            "and the limit of agents of your LiveKit plan",
        )

    async def _dispatched(self, agent_name: str, metadata: str) -> bool:
        """Dispatch once. Returns whether it is ready; False where no worker took it and it is taken back."""
        text_by_dispatch = self._planned.mode is Mode.TEXT and self._suite.text_switch == "dispatch"
        self._dispatch = await self._livekit.dispatch(
            self.name, agent_name=agent_name, metadata=metadata, attributes=SIMULATION if text_by_dispatch else None
        )
        since = _Since(self._clock)
        while True:
            participants = await self.participants()
            agents = agents_in(participants or [])
            since.update(agents)
            if self.agent_joined is None:
                self.agent_joined = since.active
            found = readiness(
                agents,
                mode=self._planned.mode,
                switch=self._suite.text_switch,
                active_for=since.passed(since.active),
                text_for=since.passed(since.mode),
                # Before the agent's own time is up: it is there, and says nothing.
                patience=self._suite.agent_timeout * 0.75,
                timing=self._timing,
            )
            if found.ready:
                self.note = found.note
                return True
            given_up = since.passed(since.begin) >= self._timing.no_job
            if since.job is None and (given_up or since.passed(since.looked) >= _JOB_LOOK):
                since.looked = self._clock()
                if await self._has_job():
                    since.job = self._clock()
                elif given_up:
                    return await self._take_back()
            if since.job is not None and since.passed(since.job) >= self._suite.agent_timeout:
                raise self._not_ready(agents)
            await asyncio.sleep(self._timing.list_fast)

    async def _has_job(self) -> bool:
        assert self._dispatch is not None, "a dispatch is looked at before it is made"
        try:
            return await self._livekit.jobs(self.name, self._dispatch) > 0
        except LiveKitUnreachable as error:
            _log.debug("the jobs of %s are not known: %s", self.name, error)
            return False

    async def _take_back(self) -> bool:
        """A further dispatch adds one more agent, so first this one is gone and nobody is there."""
        await self._delete_dispatch(within=2)
        agents = agents_in(await self.participants() or [])
        if agents:
            # It came in that moment, and its job was just ended: what is left of it cannot be trusted.
            raise Errored(Kind.AGENT_MISSING, "the agent came just as its dispatch was taken back", hint="try again")
        return False

    def _not_ready(self, agents: list[Participant]) -> Errored:
        waited = f"within {self._suite.agent_timeout:g} s"
        if agents:
            return Errored(
                Kind.AGENT_MISSING,
                f"the agent came, and was not ready {waited} (it is {agents[0].state})",
                hint="raise `agent_timeout`, or see in the worker's log what its start waits for",
            )
        return Errored(
            Kind.AGENT_MISSING,
            f"a worker took the job, and no agent came into the room {waited}",
            hint="the worker's log says why: an entrypoint that raised or returned early, or a process that started "
            "slowly; raise `agent_timeout` for slow machines",
        )

    async def check_agent(self) -> None:
        """A last look before the start is paid for.

        Raises:
            Errored: the agent is no longer there, or not alone.
        """
        participants = await self.participants()
        if participants is None:
            raise Errored(Kind.API_UNREACHABLE, "LiveKit did not answer just before the start", hint="try again")
        agents = agents_in(participants)
        refuse(agents, mode=self._planned.mode, switch=self._suite.text_switch)
        if not agents:
            raise Errored(Kind.AGENT_LEFT, "the agent left before the start", hint="read the worker's log")

    async def participants(self, *, urgent: bool = False) -> list[Participant] | None:
        """Who is there; an empty list where the room is gone, None where LiveKit does not answer."""
        try:
            return await self._livekit.participants(self.name, urgent=urgent)
        except NoSuchRoom:
            return []
        except LiveKitUnreachable as error:
            _log.debug("no look into %s: %s", self.name, error)
            return None

    async def announce(self) -> None:
        """Have the server tell the agent of its evaluator at once."""
        try:
            await self._livekit.announce(self.name, EVALUATOR)
        except LiveKitError as error:
            # Announced late by the server itself, and the wrapper keeps the words said meanwhile.
            _log.debug("the evaluator in %s was not announced: %s", self.name, error)

    async def delete(self, *, within: float) -> bool:
        """Delete its dispatch, then it. Returns whether it is gone."""
        # A job that never connected lives on unless its dispatch is deleted.
        await self._delete_dispatch(within=min(within / 2, 3))
        error = await retried(lambda: self._livekit.delete_room(self.name), within=within)
        if error is not None:
            _log.warning("room %s could not be deleted: %s", self.name, error)
        return error is None

    async def _delete_dispatch(self, *, within: float) -> None:
        dispatch, self._dispatch = self._dispatch, None
        if dispatch is not None:
            error = await retried(lambda: self._livekit.delete_dispatch(self.name, dispatch), within=within)
            if error is not None:
                _log.debug("the dispatch of %s could not be deleted: %s", self.name, error)


class _Since:
    """When what was first seen of an agent that is awaited."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.begin = self.looked = clock()
        self.job: float | None = None
        self.active: float | None = None
        self.mode: float | None = None

    def update(self, agents: list[Participant]) -> None:
        now = self._clock()
        if agents:
            self.job = self.job or now
        if agents and agents[0].state == "active":
            self.active = self.active or now
        if agents and MODE_ATTRIBUTE in agents[0].attributes:
            self.mode = self.mode or now

    def passed(self, since: float | None) -> float:
        return 0.0 if since is None else self._clock() - since
