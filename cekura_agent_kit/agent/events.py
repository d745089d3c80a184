"""Events for the witness: tool calls, handoffs, errors, checks and the room's deletion, which no stream carries.

In a signed test, a participant that asks for them receives them too: the sandbox's evaluator.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..contract import EVENTS_REQUEST, EVENTS_TOPIC
from .checks import Checks, MadeCheck
from .last_words import LastWords
from .tool_failures import ToolFailures
from .tools import Tools

if TYPE_CHECKING:
    from livekit import rtc
    from livekit.agents import AgentSession, ConversationItemAddedEvent, ErrorEvent, FunctionToolsExecutedEvent

    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")

_SENDING: Final = 1.0
"""Seconds for the events that were not sent yet."""


class EventSender:
    """Sends the events of a job's sessions, in order, to the witness that the permit names, and to whoever asks."""

    def __init__(self, job: JobUnderTest, witness: str) -> None:
        self._job = job
        self._receivers = [witness] if witness else []
        self._sent: list[dict[str, Any]] = []
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._notes: set[str] = set()
        job.room.register_text_stream_handler(EVENTS_TOPIC, self._on_request)
        if words := job.part(LastWords):
            words.queues.append(self._events)
            words.before_end.append(self._send_notes)
        if checks := job.part(Checks):
            checks.listeners.append(self._on_check)
        job.start_task(self._send_all(), "events")

    def watch(self, session: AgentSession[Any]) -> None:
        """Send the events of this session."""
        session.on("function_tools_executed", self._on_tools)
        session.on("conversation_item_added", self._on_item)
        session.on("error", self._on_error)
        session.on("close", self._send_notes)

    async def _send_all(self) -> None:
        while True:
            event = await self._events.get()
            await self._job.connected.wait()
            try:
                self._sent.append(event)
                await self._send(event, self._receivers)
            finally:
                self._events.task_done()

    async def _send(self, event: dict[str, Any], receivers: list[str]) -> None:
        if not receivers:
            return
        try:
            await self._job.room.local_participant.send_text(
                json.dumps(event), topic=EVENTS_TOPIC, destination_identities=list(receivers)
            )
        except Exception as error:  # noqa: BLE001
            # A witness that cannot be reached must not disturb the call.
            logger.warning("an event could not be sent to the witness: %s: %s", type(error).__name__, error)
        if words := self._job.part(LastWords):
            words.event_sent_at = time.monotonic()

    def _on_request(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._job.start_task(self._accept(reader, identity), "events_request")

    async def _accept(self, reader: rtc.TextStreamReader, identity: str) -> None:
        """Send all events to this participant, the earlier ones first."""
        if await reader.read_all() != EVENTS_REQUEST or identity in self._receivers:
            return
        earlier = [{"type": "accepted", "at": time.time()}, *self._sent]
        self._receivers.append(identity)
        for event in earlier:
            await self._send(event, [identity])

    async def announce_deletion(self) -> None:
        """Send that the agent deletes the room. `LastWords` lets it arrive before the room is deleted."""
        if not self._receivers:
            return
        self._send_notes()
        self._events.put_nowait({"type": "room_deleted", "at": time.time()})
        with suppress(TimeoutError):
            async with asyncio.timeout(_SENDING):
                await self._events.join()

    def _on_tools(self, event: FunctionToolsExecutedEvent) -> None:
        failures = self._job.part(ToolFailures) or ToolFailures()
        tools = self._job.part(Tools)
        for call, output in event.zipped():
            failure = failures.of(call.call_id)
            self._events.put_nowait(
                {
                    "type": "tool_call",
                    "at": output.created_at if output else event.created_at,
                    "name": call.name,
                    "call_id": call.call_id,
                    "arguments": _arguments(call.arguments),
                    "output": output.output if output else "",
                    "is_error": output.is_error if output else False,
                    "exception": failure.exception if failure else "",
                    "place": failure.place if failure else "",
                    "mocked": tools is not None and call.call_id in tools.doubled,
                    "started_at": call.created_at,
                }
            )

    def _on_check(self, made: MadeCheck) -> None:
        self._events.put_nowait(
            {"type": "check", "at": time.time(), "name": made.name, "ok": made.ok, "detail": made.detail}
        )

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if item.type == "agent_handoff":
            self._events.put_nowait(
                {"type": "handoff", "at": item.created_at, "from": item.old_agent_id, "to": item.new_agent_id}
            )

    def _send_notes(self, *_: object) -> None:
        """Send what is wrong with the doubles, each note once: at the end, of whatever kind."""
        tools = self._job.part(Tools)
        for note in tools.notes() if tools is not None else ():
            if note not in self._notes:
                self._notes.add(note)
                self._events.put_nowait({"type": "note", "at": time.time(), "text": note})

    def _on_error(self, event: ErrorEvent) -> None:
        error = getattr(event.error, "error", event.error)
        self._events.put_nowait(
            {
                "type": "error",
                "at": time.time(),
                "source": type(event.source).__name__,
                "text": f"{type(error).__name__}: {error}",
            }
        )


def add_event_sender(job: JobUnderTest) -> None:
    """Give the job an `EventSender` if its test is signed."""
    if job.permit is not None:
        job.add(EventSender(job, job.permit.witness))


def _arguments(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return {"": text}
