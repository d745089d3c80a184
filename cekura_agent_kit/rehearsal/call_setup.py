"""Setup of a rehearsed call: the agent found, its room, job and caller made; all of it is taken back at the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ..agent.entrypoint import WrappedEntrypoint
from ..agent.options import Options
from ..cassettes.tape import Player
from ..contract import ERROR_ATTRIBUTE
from ..errors import CassetteError, RehearsalError
from ..own_code import Place
from ..worker.source import agent_named
from ..worker.target import Target
from .dispatched import Dispatched
from .environment import environment
from .failures import blocked
from .internals import api, models, sessions
from .job import CLOSING, Job
from .model import Model, models_of
from .modules import find_with_own_modules
from .processes import Processes
from .room.room import MemoryRoom
from .turn_taking import TurnTaking
from .watchdog import Watchdog

__tracebackhide__ = True


class CallSetup:
    """Setup of one rehearsed call.

    Args:
        target: see `find_target`.
        dispatched: the job, as a trigger dispatches it.
        model: replaces the session's and its agents' own models; None leaves them.
        env: environment variables of the rehearsal.
        timeout: seconds for the agent's start and for each turn.
        folders: folders in which a relative path is searched.
        processes: shared by rehearsals of one agent.

    Attributes:
        timeout: may be changed before the call begins.
        target: the agent; None before it was found.
        call: the call's turns; None before the job was made.
    """

    def __init__(
        self,
        target: object,
        *,
        dispatched: Dispatched,
        model: Model | None,
        env: Mapping[str, str],
        timeout: float,
        folders: Sequence[Path],
        processes: Processes,
    ) -> None:
        self.model: Final = model
        self.timeout = timeout
        self.target: Target | None = None
        self.call: TurnTaking | None = None
        self.dispatched: Final = dispatched
        self._named, self._env = target, env
        self._folders, self._processes = folders, processes
        self._resources = contextlib.ExitStack()

    async def begin(self) -> None:
        """Begin the call: on return the caller is in the room, and a session has started or the entrypoint has ended.

        Raises:
            RehearsalError: the agent was not found, did not join, started no session in time, or refused the job.
            Exception: what the entrypoint raised.
        """
        self._loop = _running_loop()
        api.install()
        models.install()
        sessions.install()
        self.target = find_with_own_modules(self._named, self._folders, self._env, self._resources)
        self._resources.enter_context(environment(self._env))
        given = self.dispatched
        room = MemoryRoom(given.room, metadata=given.room_metadata, on_attributes=self._on_attributes)
        call = TurnTaking(room, models_of(self.model, self._on_miss), self.timeout)
        process = self._processes.of(self.target.server)
        entrypoint = self.target.entrypoint
        if not self.target.is_wrapped:
            entrypoint = WrappedEntrypoint(entrypoint, Options())
        call.job = job = Job(
            self.target,
            entrypoint,
            dispatched=self.dispatched,
            process=process,
            room=room,
            listener=call,
            closing=min(CLOSING, self.timeout),
        )
        self.call = call
        if isinstance(self.model, Player):
            self._resources.callback(self.model.tape.save)
            self.model.tape.check_agent(agent_named(self.target.entrypoint, self.model.tape.path.parent))
        self._resources.enter_context(Watchdog(self.timeout, job.owns, self._on_blocked))
        await call.until(lambda: room.isconnected() or job.returned.done(), "the entrypoint has not joined the room")
        call.caller = room.join()
        await call.until(lambda: call.started or job.returned.done(), "the entrypoint has not started a session")

    async def release(self) -> None:
        """Cancel the job, and take back what was changed in this process."""
        if self.call is not None:
            await self.call.job.cancel()
        self._resources.close()

    @property
    def _job(self) -> Job:
        assert self.call is not None, "the job is made first"
        return self.call.job

    def _on_blocked(self, place: Place, seconds: float) -> None:
        # Called in the watchdog's thread.
        self._loop.call_soon_threadsafe(self._job.fail, blocked(place, seconds))

    def _on_miss(self, error: CassetteError) -> None:
        self._job.fail(error)

    def _on_attributes(self, changed: dict[str, str]) -> None:
        if text := changed.get(ERROR_ATTRIBUTE):
            self._job.refuse(text)


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RehearsalError(
            "a rehearsal needs asyncio's event loop, and this test runs in none: livekit-agents runs on asyncio alone",
            hint="run the test with pytest-asyncio, or with anyio's backend asyncio; trio cannot run it",
        ) from None
