"""A job that is a test: what it tells as attributes, and how it ends when something is wrong."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from ..contract import ERROR_ATTRIBUTE
from ..errors import KitError
from .call import UNDER_TEST, Call, Options

if TYPE_CHECKING:
    from livekit import rtc
    from livekit.agents import AgentSession, JobContext
    from livekit.agents.voice.room_io import RoomIO

    from .caller import Inbox
    from .data_messages import Packets
    from .events import Witness

logger = logging.getLogger("cekura_agent_kit")

ERROR_STAYS: Final = 30.0
"""Seconds for which a failed agent stays in the room, for its attributes go with it."""
_CONNECT_TIMEOUT: Final = 10.0
_ERROR_LENGTH: Final = 500
"""Characters of `cekura.error`; LiveKit takes 64 KB of attributes, a reader one line."""
_TOKEN: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
"""A JWT: the text of a ConnectError holds the room's whole token."""


class JobUnderTest:
    """What a test knows of its job; it hangs on the job's context.

    Attributes:
        call: what `current_call` gives.
        options: of `wrap_entrypoint`.
        sessions: the sessions that were started in this job.
        inbox, packets: what comes from the caller, in text.
        room_io: of the first session, in text.
        witness: who may be told the events; None where nobody may.
        ending: the end of a job that was refused.
        connected, returned, gone: the room was connected; the entrypoint is through; the agent is out of the room.
    """

    inbox: Inbox
    packets: Packets

    def __init__(self, context: JobContext, call: Call, options: Options) -> None:
        self.context = context
        self.call = call
        self.options = options
        self.sessions: list[AgentSession[Any]] = []
        self.ending: asyncio.Task[Any] | None = None
        self.room_io: RoomIO | None = None
        self.witness: Witness | None = None
        self.connected = asyncio.Event()
        self.returned = asyncio.Event()
        self.gone = asyncio.Event()
        self._attributes: dict[str, str] = {}
        self._publishing = asyncio.Lock()
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
        """The test in whose job this code runs."""
        from livekit.agents import get_job_context

        context = get_job_context(required=False)
        return context.__dict__.get(UNDER_TEST) if context is not None else None

    @staticmethod
    def of_room(room: object) -> JobUnderTest | None:
        """The test whose room it is; for code that runs where the job's context variables do not reach."""
        return getattr(room, "__dict__", {}).get(UNDER_TEST)

    def caller(self) -> str | None:
        """The identity of the linked participant; before there is a session, of the one that it would link."""
        if self.room_io and (linked := self.room_io.linked_participant):
            return linked.identity
        return next((each.identity for each in self.room.remote_participants.values() if is_caller(each)), None)

    async def until_caller(self, timeout: float) -> str | None:
        """The caller's identity, once there is one; None where nobody came in time."""
        come = asyncio.Event()
        self.room.on("participant_connected", look := lambda *_: come.set())
        try:
            async with asyncio.timeout(timeout):
                while (identity := self.caller()) is None:
                    come.clear()
                    await come.wait()
        except TimeoutError:
            return None
        finally:
            self.room.off("participant_connected", look)
        return identity

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run something beside the job; it ends with the job, and what it raises is logged."""
        task = asyncio.create_task(coroutine, name=f"cekura_{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def tell(self, **attributes: str) -> None:
        """Publish attributes, now or as soon as the room is connected. Those of one job go out in order."""
        self._attributes |= attributes
        if self.room.isconnected():
            self.start(self._publish(), "attributes")

    def refuse(self, error: KitError) -> None:
        """End the job: silence its sessions, tell why, and shut down when that could be read."""
        if self.ending is None:
            logger.error("%s", one_line(error))
            self.ending = self.start(self._end(error), "refusal")

    async def stay(self, error: BaseException) -> None:
        """Keep a failed agent in the room, its error readable, until it is removed or `ERROR_STAYS` have passed."""
        # An entrypoint that raised before it connected would leave no word behind. Never broken off: the native client
        # ends the whole process, with all jobs in its threads, when a connect of its is cancelled (livekit 1.1.21).
        connecting = asyncio.ensure_future(self.context.connect())
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await asyncio.shield(connecting)
                self._attributes |= {ERROR_ATTRIBUTE: one_line(error)}
                await self._publish()
        except Exception as fault:  # noqa: BLE001
            logger.warning("cekura.error could not be told: %s", one_line(fault))
            return
        try:
            async with asyncio.timeout(ERROR_STAYS):
                await self.gone.wait()
        except TimeoutError:
            return

    async def _end(self, error: KitError) -> None:
        for session in self.sessions:
            self.start(session.aclose(), "silence")
        await self.stay(error)
        self.context.shutdown(reason=one_line(error))

    async def _publish(self) -> None:
        # One at a time: a later call must not be overtaken by an earlier one.
        async with self._publishing:
            if self.room.isconnected():
                await self.room.local_participant.set_attributes(dict(self._attributes))

    def _on_connection_state(self, _state: object) -> None:
        if self.room.isconnected():
            self.connected.set()
            self.start(self._publish(), "attributes")

    def _on_disconnected(self, *_: object) -> None:
        self.gone.set()

    async def _on_shutdown(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None and not self.gone.is_set():
            logger.error("%s failed: %s: %s", task.get_name(), type(fault).__name__, fault)


def is_caller(participant: rtc.RemoteParticipant) -> bool:
    """Whether a session may link it: no agent, no egress, no ingress."""
    from livekit.agents.job import DEFAULT_PARTICIPANT_KINDS

    return participant.kind in DEFAULT_PARTICIPANT_KINDS


def one_line(error: BaseException) -> str:
    """An error in one line: its kind, unless it is ours, its text, and what to do."""
    text = str(error) if isinstance(error, KitError) else f"{type(error).__name__}: {error}"
    if isinstance(error, KitError) and error.hint:
        text += f" ({error.hint})"
    text = " ".join(_TOKEN.sub("…", text).split())
    return text if len(text) <= _ERROR_LENGTH else text[: _ERROR_LENGTH - 3] + "..."
