"""End of a signed test: the job ends once its callers have left.

Otherwise the trigger would delete the room, and what the agent does in ``on_session_end`` could not be reported.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from ..contract import ENDED_ATTRIBUTE
from .job import JobUnderTest, is_caller
from .last_words import LastWords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livekit import rtc
    from livekit.agents import AgentSession

logger = logging.getLogger("cekura_agent_kit")

_AFTER: Final = 0.5
"""Seconds from the leave of the last caller to the end of the job, if every session has closed: time for what the agent
does when its session closes. Such sessions close by themselves. An agent that the trigger tells of the end has none of
it: the job closes its sessions."""
_RETURN: Final = 3.0
"""The same while a session is open: its caller may reconnect. The trigger waits as long for an evaluator's return."""


class Ending:
    """End of one job by the wrapper itself.

    Args:
        job: the signed test.
    """

    def __init__(self, job: JobUnderTest) -> None:
        self._job = job
        self._open: set[AgentSession[Any]] = set()
        self._closed = asyncio.Event()
        self._closed.set()
        self._task: asyncio.Task[None] | None = None
        job.room.on("participant_disconnected", self._on_left)
        job.room.on("participant_connected", self._on_joined)
        job.room.on("participant_attributes_changed", self._on_attributes)

    def watch(self, session: AgentSession[Any]) -> None:
        """Count a session as open until it closes."""

        def on_close(*_: object) -> None:
            self._open.discard(session)
            if not self._open:
                self._closed.set()

        self._open.add(session)
        self._closed.clear()
        session.on("close", on_close)

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        others = self._job.room.remote_participants.values()
        if not is_caller(participant) or any(map(is_caller, others)):
            return
        if self._task is None or self._task.done():
            self._task = self._job.start_task(self._end(), "ending")

    def _on_joined(self, participant: rtc.RemoteParticipant) -> None:
        if self._task is not None and is_caller(participant):
            self._task.cancel()

    def _on_attributes(self, changed: Mapping[str, str], participant: rtc.Participant) -> None:
        """End at once: the server would announce the evaluator's leave to the agent 2 s later."""
        own = self._job.room.local_participant
        if changed.get(ENDED_ATTRIBUTE) and participant.identity == own.identity:
            if self._task is not None:
                self._task.cancel()
            if words := self._job.part(LastWords):
                words.caller_left = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._job.ending is None:
            self._job.context.shutdown(reason="the evaluator has left")

    async def _end(self) -> None:
        await asyncio.sleep(_AFTER)
        try:
            async with asyncio.timeout(_RETURN - _AFTER):
                await self._closed.wait()
        except TimeoutError:
            logger.info("the caller has left, and a session is still open")
        self._shut_down()
