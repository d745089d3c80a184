"""Setup of a rehearsed call: the agent found, its room, job and caller made; all of it is taken back at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from livekit.agents import llm

from ..agent.call import Options
from ..agent.entrypoint import WrappedEntrypoint
from ..contract import ERROR_ATTRIBUTE, Mode, parse_object
from ..doubles import behaviours_of
from ..errors import RehearsalError
from ..own_code import Place
from ..permit import Key, Permit
from ..worker.target import Target
from .environment import environment
from .failures import blocked
from .internals import api, models, sessions
from .job import CLOSING, Dispatched, Job
from .modules import find_with_own_modules
from .processes import Processes
from .room.room import MemoryRoom
from .turn_taking import TurnTaking
from .watchdog import Watchdog

__tracebackhide__ = True

_DAY: Final = 86_400.0
"""Seconds for which a rehearsed test is signed: longer than any debugger stops it."""


class CallSetup:
    """Setup of one rehearsed call.

    Args:
        target: see `find_target`.
        dispatched: the job's metadata, and the secret that has signed it.
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
        model: llm.LLM[Any] | None,
        env: Mapping[str, str],
        timeout: float,
        folders: Sequence[Path],
        processes: Processes,
    ) -> None:
        self.model: Final = model
        self.timeout = timeout
        self.target: Target | None = None
        self.call: TurnTaking | None = None
        self._named, self._dispatched, self._env = target, dispatched, env
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
        room = MemoryRoom(_room_name(), on_attributes=self._on_attributes)
        call = TurnTaking(room, self.model, self.timeout)
        process = self._processes.of(self.target.server)
        entrypoint = self.target.entrypoint
        if not self.target.is_wrapped:
            entrypoint = WrappedEntrypoint(entrypoint, Options())
        call.job = job = Job(
            self.target,
            entrypoint,
            dispatched=self._dispatched,
            process=process,
            room=room,
            listener=call,
            closing=min(CLOSING, self.timeout),
        )
        self.call = call
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

    def _on_attributes(self, changed: dict[str, str]) -> None:
        if text := changed.get(ERROR_ATTRIBUTE):
            self._job.refuse(text)


def signed_metadata(
    metadata: Mapping[str, Any] | str | None, *, scenario: int, suite: str, tools: Mapping[str, Any] | None = None
) -> Dispatched:
    """Return the metadata of a rehearsed job, as a trigger writes and signs it: in text, with the caller's own keys.

    Raises:
        RehearsalError: the caller's metadata is a string, and not the JSON of an object.
        MetadataError: it sets a reserved key.
        RehearsalError: a tool's value is neither a function nor a behaviour as in a suite.
    """
    fakes = {name: value for name, value in (tools or {}).items() if callable(value)}
    behaviours = {name: value for name, value in (tools or {}).items() if name not in fakes}
    try:
        behaviours_of(behaviours)
    except ValueError as error:
        raise RehearsalError(f"tools: {error}", hint="give a function, or write it as in a suite") from None
    own = _object(metadata) or {}
    permit = Permit(
        room=_room_name(), mode=Mode.TEXT, scenario=scenario, suite=suite, case=f"{scenario}#1", tools=behaviours
    )
    # Nothing that stands in the environment, a placeholder for example, may sign a test.
    secret = secrets.token_hex(32)
    return Dispatched(permit.job_metadata(own, key=Key("rehearsal", secret), ttl=_DAY), secret, fakes)


def _room_name() -> str:
    return f"rehearsal-{os.getpid()}"


def _object(metadata: Mapping[str, Any] | str | None) -> Mapping[str, Any] | None:
    if not isinstance(metadata, str):
        return metadata
    parsed = parse_object(metadata)
    if parsed is None and metadata:
        raise RehearsalError(
            f"metadata {metadata!r} is not a JSON object", hint="text mode is part of the metadata, so it must be one"
        )
    return parsed


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RehearsalError(
            "a rehearsal needs asyncio's event loop, and this test runs in none: livekit-agents runs on asyncio alone",
            hint="run the test with pytest-asyncio, or with anyio's backend asyncio; trio cannot run it",
        ) from None
