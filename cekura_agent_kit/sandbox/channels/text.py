"""The evaluator in text: text streams on ``lk.chat`` out, text streams on ``lk.transcription`` in."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from livekit import rtc

from .room import RoomChannel

_CHAT: Final = "lk.chat"
_TRANSCRIPTION: Final = "lk.transcription"
_ORDER: Final = 1.0
"""Seconds by which a stream that is open may hold back one that began later and ended earlier. On a busy machine the
ends of streams a few milliseconds apart are learned in any order; one that is never ended must not silence the rest."""

_log: Final = logging.getLogger("cekura_agent_kit.sandbox")


class TextChannel(RoomChannel):
    """A line that types and reads."""

    def __init__(self) -> None:
        super().__init__()
        self._reading: set[asyncio.Task[None]] = set()
        self._latest: asyncio.Task[None] | None = None
        self.room.register_text_stream_handler(_TRANSCRIPTION, self._on_stream)

    async def say(self, text: str) -> None:
        """See `Line.say`."""
        self._forget()
        now = self.clock
        self._note("evaluator", text, now, now)
        await self.room.local_participant.send_text(text, topic=_CHAT)

    async def hang_up(self) -> None:
        """See `Line.hang_up`."""
        await super().hang_up()
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)

    def _on_stream(self, reader: rtc.TextStreamReader, sender: str) -> None:
        # An agent publishes the user's words, too, in the user's name.
        heard = sender != self.identity
        self._latest = task = asyncio.create_task(self._read(reader, heard=heard, after=self._latest))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.TextStreamReader, *, heard: bool, after: asyncio.Task[None] | None) -> None:
        start, text = self.clock, ""
        try:
            async for chunk in reader:
                text += chunk
        except Exception as error:  # noqa: BLE001 - the kinds differ by version, and what was read so far was said
            _log.info("a text stream of the agent broke off: %s", type(error).__name__)
        if after is not None:
            await asyncio.wait({after}, timeout=_ORDER)
        if heard and text.strip():
            self._deliver(text.strip(), start)
