"""The agent's words on their way out: held until somebody hears them, and sent in the form of their turn."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from livekit import rtc
from livekit.agents.voice.io import TextOutput
from livekit.agents.voice.room_io import RoomIO

from ..chat import ChatPacket
from .last_words import LastWords

if TYPE_CHECKING:
    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")

_ROOM_EVENTS: Final[tuple[Any, ...]] = ("participant_active", "participant_connected", "disconnected")


class Outbox(TextOutput):
    """Text output of a session that holds the agent's words until a caller is there to hear them.

    The audio output of a session in voice waits for a subscriber; text output does not. Each segment is sent as a text
    stream, and also as a data packet if the message that it answers came as one.

    Attributes:
        heard_at: monotonic time at which the last whole segment was sent; 0 before the first.
    """

    def __init__(
        self,
        job: JobUnderTest,
        room_io: RoomIO,
        next_in_chain: TextOutput,
        form_of_speech: Callable[[], ChatPacket | None],
    ) -> None:
        super().__init__(label="cekura-kit", next_in_chain=next_in_chain)
        self.heard_at = 0.0
        self._job = job
        self._room_io = room_io
        self._next = next_in_chain
        self._form_of_speech = form_of_speech
        self._has_listener = asyncio.Event()
        self._changed = asyncio.Event()
        self._segment = ""
        self._form: ChatPacket | None = None
        self._packets: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        if words := job.part(LastWords):
            words.queues.append(self._packets)
        job.start_task(self._wait_for_listener(), "outbox")
        job.start_task(self._send_packets(), "outbox_packets")

    async def capture_text(self, text: str) -> None:
        """Send the text once a caller is there."""
        await self._has_listener.wait()
        if not self._segment:
            self._form = self._form_of_speech()
        self._segment += text
        await self._next.capture_text(text)

    def flush(self) -> None:
        """End the segment."""
        self._next.flush()
        if self._segment:
            self.heard_at = time.monotonic()
            if self._form is not None:
                self._packets.put_nowait((self._form.topic, self._form.answer(self._segment)))
        self._segment = ""

    def release(self) -> None:
        """Hold nothing back any more: the session has closed."""
        self._has_listener.set()

    async def _wait_for_listener(self) -> None:
        """Wait until the linked participant is active, or the room is gone and nobody will ever be there."""
        room = self._room_io.room
        for event in _ROOM_EVENTS:
            room.on(event, self._on_change)
        try:
            await self._room_io.wait_for_ready()
            while room.isconnected() and not _is_active(self._room_io.linked_participant):
                self._changed.clear()
                await self._changed.wait()
        finally:
            for event in _ROOM_EVENTS:
                room.off(event, self._on_change)
            self._has_listener.set()

    def _on_change(self, *_: object) -> None:
        self._changed.set()

    async def _send_packets(self) -> None:
        while True:
            topic, payload = await self._packets.get()
            caller = self._job.caller()
            try:
                await self._job.room.local_participant.publish_data(
                    payload, topic=topic, destination_identities=[caller] if caller else []
                )
            except Exception as error:  # noqa: BLE001
                logger.warning("an answer could not be sent as a packet: %s: %s", type(error).__name__, error)
            finally:
                self._packets.task_done()


def _is_active(participant: rtc.RemoteParticipant | None) -> bool:
    return participant is not None and participant.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
