"""The agent's tool calls, as a wrapped agent sends them in a signed test to a participant that asks for them."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Final

from livekit import rtc

from ...contract import EVENTS_REQUEST, EVENTS_TOPIC
from ...room_handlers import RoomHandlers
from .channel import ToolUse

_ANSWER: Final = 2.0
"""Seconds for the agent's answer; 0.01 on loopback."""

_log: Final = logging.getLogger("cekura_agent_kit.sandbox")


class ToolEvents:
    """Receives the tool calls of the agents of a room.

    Args:
        room: the evaluator's, connected.
        handlers: of the room; whoever has left it removes them.
        uses: where they are added.
        began: Unix time of the evaluator's join.
    """

    def __init__(self, room: rtc.Room, handlers: RoomHandlers, uses: list[ToolUse], *, began: float) -> None:
        self._room, self._uses, self._began = room, uses, began
        self._answered = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        handlers.on_text(EVENTS_TOPIC, self._on_stream)
        handlers.on("participant_connected", self._on_connected)

    @property
    def answered(self) -> bool:
        """An agent has accepted the request."""
        return self._answered.is_set()

    async def ask(self) -> None:
        """Ask the agents of the room for their events, and wait for a limited time until one has answered."""
        if agents := [each.identity for each in agents_in(self._room)]:
            await self._ask(agents)
            try:
                async with asyncio.timeout(_ANSWER):
                    await self._answered.wait()
            except TimeoutError:
                _log.info("no agent answers the request for its events")

    async def _ask(self, agents: list[str]) -> None:
        await self._room.local_participant.send_text(EVENTS_REQUEST, topic=EVENTS_TOPIC, destination_identities=agents)

    def _on_connected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            self._start(self._ask([participant.identity]))

    def _on_stream(self, reader: rtc.TextStreamReader, _sender: str) -> None:
        self._start(self._read(reader))

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        event = json.loads(await reader.read_all())
        self._answered.set()
        if event["type"] == "tool_call":
            self._uses.append(ToolUse(event["name"], _object(event["arguments"]), event["started_at"] - self._began))

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.info("an event of the agent could not be read: %s", type(error).__name__)


def agents_in(room: rtc.Room) -> list[rtc.RemoteParticipant]:
    """Return the agents in the room."""
    agent = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    return [each for each in room.remote_participants.values() if each.kind == agent]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"": value}
