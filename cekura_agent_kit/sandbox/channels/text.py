"""The evaluator in text: sends text streams on ``lk.chat``, and reads the agent's on ``lk.transcription``."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from livekit import rtc

from ...chat import CHAT_TOPIC, TRANSCRIPTION_TOPIC
from .room import RoomChannel

_ORDER_WAIT: Final = 1.0
"""Seconds for which an open stream may hold back one that began later and ended earlier. On a busy machine the ends of
streams a few milliseconds apart arrive in any order. A stream that is never ended must not block the others."""
_LAST_WORDS: Final = 1.0
"""Seconds for the rest of open streams, when the agent leaves or the evaluator's patience ends. An agent's words and
its leave travel on two ways."""

_log: Final = logging.getLogger("cekura_agent_kit.sandbox")


class TextChannel(RoomChannel):
    """A channel in text."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: set[asyncio.Task[None]] = set()
        self._latest_reader: asyncio.Task[None] | None = None
        self.handlers.on_text(TRANSCRIPTION_TOPIC, self._on_stream)

    async def say(self, text: str, *, interrupt: bool = False) -> None:
        """See `Channel.say`."""
        self._drop_heard()
        now = self.clock
        self._add_line("evaluator", text, now, now)
        await self.room.local_participant.send_text(text, topic=CHAT_TOPIC)

    @property
    def agent_is_busy(self) -> bool:
        """See `Channel.agent_is_busy`."""
        return bool(self._readers) or super().agent_is_busy

    async def settle(self) -> None:
        """See `Channel.settle`."""
        if self._readers:
            await asyncio.wait(self._readers, timeout=_LAST_WORDS)

    async def hang_up(self) -> None:
        """See `Channel.hang_up`."""
        await super().hang_up()
        await self._cancel_readers()

    async def _receive_last_words(self) -> None:
        """See `RoomChannel._receive_last_words`. Words of a stream that is not ended in time were said all the same."""
        # What has arrived by now is in the SDK's queue, and makes its readers in the next steps of the loop.
        await asyncio.sleep(0.05)
        if self._readers:
            await asyncio.wait(self._readers, timeout=_LAST_WORDS)
        await self._cancel_readers()

    async def _cancel_readers(self) -> None:
        readers = list(self._readers)
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    def _on_stream(self, reader: rtc.TextStreamReader, sender: str) -> None:
        # An agent also publishes the user's words, under the user's identity.
        of_agent = sender != self.identity
        self._latest_reader = task = asyncio.create_task(
            self._read(reader, of_agent=of_agent, after=self._latest_reader)
        )
        self._readers.add(task)
        task.add_done_callback(self._readers.discard)

    async def _read(self, reader: rtc.TextStreamReader, *, of_agent: bool, after: asyncio.Task[None] | None) -> None:
        start, text = self.clock, ""
        try:
            try:
                async for chunk in reader:
                    text += chunk
            except Exception as error:  # noqa: BLE001 - the types differ by version, and the chunks so far were said
                _log.info("a text stream of the agent ended with %s", type(error).__name__)
            if after is not None:
                await asyncio.wait({after}, timeout=_ORDER_WAIT)
        finally:
            # Also when the channel closes in the middle of a stream.
            if of_agent and text.strip():
                self._add_heard(text.strip(), start)
