"""Test state of one job: its attributes, its tasks, and its end when something is wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .. import safe_text
from ..contract import ERROR_ATTRIBUTE
from ..errors import KitError
from ..permit import Permit
from .call import Call
from .options import UNDER_TEST, Options

if TYPE_CHECKING:
    from livekit import rtc
    from livekit.agents import AgentSession, JobContext
    from livekit.agents.voice.room_io import RoomIO

logger = logging.getLogger("cekura_agent_kit")

P = TypeVar("P")

_JOB: Final = "_cekura_agent_kit_job"
"""Attribute of a session of a test."""
TASK_PREFIX: Final = "cekura_"
"""Beginning of the names of the kit's own tasks."""
ERROR_SECONDS: Final = 30.0
"""Seconds for which a failed agent stays in the room: its attributes leave with it."""
_CONNECT_TIMEOUT: Final = 10.0
_ERROR_LENGTH: Final = 500
"""Characters of `cekura.error`: a reader wants one line, and LiveKit accepts 64 KB of attributes."""


class JobUnderTest:
    """Test state of one job, stored on its JobContext.

    Attributes:
        permit: of the test; None if it is not signed.
        call: returned by `current_call`.
        options: of `wrap_entrypoint`.
        sessions: sessions that were started in this job.
        room_io: of the first session, in text.
        ending: the end of a job that was refused.
        connected, returned, gone: the room is connected; the entrypoint has returned; the agent has left the room.
    """

    def __init__(self, context: JobContext, call: Call, options: Options, *, permit: Permit | None = None) -> None:
        self.context = context
        self.permit = permit
        self.call = call
        self.options = options
        self.sessions: list[AgentSession[Any]] = []
        self.ending: asyncio.Task[Any] | None = None
        self.room_io: RoomIO | None = None
        self.connected = asyncio.Event()
        self.returned = asyncio.Event()
        self.gone = asyncio.Event()
        self._parts: dict[type, object] = {}
        self._attributes: dict[str, str] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        context.__dict__[UNDER_TEST] = self.room.__dict__[UNDER_TEST] = self
        if self.room.isconnected():
            self.connected.set()
        self.room.on("disconnected", self._on_disconnected)
        self.room.on("connection_state_changed", self._on_connection_state)
        context.add_shutdown_callback(self._on_shutdown)

    @property
    def room(self) -> rtc.Room:
        """The job's room."""
        return self.context.room

    @staticmethod
    def current() -> JobUnderTest | None:
        """Return the test in whose job this code runs."""
        from livekit.agents import get_job_context

        context = get_job_context(required=False)
        return context.__dict__.get(UNDER_TEST) if context is not None else None

    def add_session(self, session: AgentSession[Any]) -> None:
        """Count a session that is started in this job."""
        self.sessions.append(session)
        session.__dict__[_JOB] = self

    @staticmethod
    def of_session(session: object) -> JobUnderTest | None:
        """Return the test of this session; for code that the job's context variables do not reach."""
        return getattr(session, "__dict__", {}).get(_JOB)

    @staticmethod
    def of_room(room: object) -> JobUnderTest | None:
        """Return the test of this room; for code that the job's context variables do not reach."""
        return getattr(room, "__dict__", {}).get(UNDER_TEST)

    def add(self, part: object) -> None:
        """Attach a part of the test, one of each class; `part` returns it."""
        self._parts[type(part)] = part

    def part(self, kind: type[P]) -> P | None:
        """Return the attached part of this class; None if there is none."""
        return self._parts.get(kind)  # type: ignore[return-value]

    def caller(self) -> str | None:
        """Return the identity of the linked participant; before there is a RoomIO, of the one that it would link."""
        if self.room_io:
            linked = self.room_io.linked_participant
            return linked.identity if linked else None
        return next((each.identity for each in self.room.remote_participants.values() if is_caller(each)), None)

    async def wait_for_caller(self, timeout: float) -> str | None:
        """Return the caller's identity as soon as it is known; None after ``timeout`` seconds."""
        if (identity := self.caller()) is not None:
            return identity
        joined = asyncio.Event()

        def on_join(*_: object) -> None:
            joined.set()

        self.room.on("participant_connected", on_join)
        try:
            async with asyncio.timeout(timeout):
                while (identity := self.caller()) is None:
                    joined.clear()
                    await joined.wait()
        except TimeoutError:
            return None
        finally:
            self.room.off("participant_connected", on_join)
        return identity

    def start_task(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine beside the job. It is cancelled when the job ends; what it raises is logged."""
        task = asyncio.create_task(coroutine, name=TASK_PREFIX + name)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def set_attributes(self, **attributes: str) -> None:
        """Publish attributes: now, or as soon as the room is connected. None is ever given another value."""
        self._attributes |= attributes
        if self.room.isconnected():
            self.start_task(self._publish(), "attributes")

    def refuse(self, error: KitError) -> None:
        """End the job: close its sessions, publish the error, and shut down once it could be read."""
        if self.ending is None:
            logger.error("%s", one_line(error))
            self.ending = self.start_task(self._end(error), "refusal")

    async def show_error(self, error: BaseException) -> None:
        """Publish the error, and stay in the room until the agent is removed or `ERROR_SECONDS` have passed."""
        # An entrypoint that raised before it connected would leave no trace. The connect is never cancelled: the native
        # client would end the whole process, with all jobs in its threads (livekit 1.1.21).
        connecting = asyncio.ensure_future(self.context.connect())
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await asyncio.shield(connecting)
        except Exception as fault:  # noqa: BLE001
            logger.warning("cekura.error could not be published: %s", one_line(fault))
            return
        self.set_attributes(**{ERROR_ATTRIBUTE: one_line(error)})
        try:
            async with asyncio.timeout(ERROR_SECONDS):
                await self.gone.wait()
        except TimeoutError:
            return

    async def _end(self, error: KitError) -> None:
        for session in self.sessions:
            self.start_task(session.aclose(), "close_session")
        await self.show_error(error)
        self.context.shutdown(reason=one_line(error))

    async def _publish(self) -> None:
        # No update waits for another: the SDK can miss the server's answer, and then waits 5 s for it (livekit 1.1.21).
        # Their order is free, since the server merges them and no attribute changes its value.
        if self.room.isconnected():
            await self.room.local_participant.set_attributes(dict(self._attributes))

    def _on_connection_state(self, _state: object) -> None:
        if self.room.isconnected():
            self.connected.set()
            self.start_task(self._publish(), "attributes")

    def _on_disconnected(self, *_: object) -> None:
        self.gone.set()

    async def _on_shutdown(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def _on_task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None and not self.gone.is_set():
            logger.error("%s failed: %s: %s", task.get_name(), type(fault).__name__, fault)


def is_caller(participant: rtc.RemoteParticipant) -> bool:
    """Return True if a session may link the participant: not an agent, egress or ingress."""
    from livekit.agents.job import DEFAULT_PARTICIPANT_KINDS

    return participant.kind in DEFAULT_PARTICIPANT_KINDS


def one_line(error: BaseException) -> str:
    """Describe an error in one line: its class unless it is ours, its text, and its hint."""
    text = str(error) if isinstance(error, KitError) else f"{type(error).__name__}: {error}"
    if isinstance(error, KitError) and error.hint:
        text += f" ({error.hint})"
    return safe_text.one_line(safe_text.without_surrogates(safe_text.without_tokens(text)), _ERROR_LENGTH)
