"""A hidden participant that hears what RoomService cannot tell: both sides' words with their times, and events."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from livekit import rtc

from ...contract import EVENTS_TOPIC, PROOF_ATTRIBUTE, TEXT_ONLY
from ...errors import LiveKitError
from ...verdict import Line
from .transcript import TEXT_LIMIT, Transcript, chat_in

IDENTITY: Final = "cekura-witness"

_CHAT: Final = "lk.chat"
_TRANSCRIPTION: Final = "lk.transcription"
_FINAL: Final = "lk.transcription_final"
_SEGMENT: Final = "lk.segment_id"
_CONNECT_TIMEOUT: Final = 10.0
"""Seconds; 0.05 to 0.3 on loopback, 1 to 2 to a server far away."""
_BROKEN_OFF: Final = 2.0
"""Seconds for the end of a join that nobody wants any more."""
_LAST_WORDS: Final = 0.5
"""Seconds for streams that are still open when the talk is over."""
_LAPSE: Final = 2.0
"""Seconds within which the same words by stream and by packet are one utterance."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class Witness:
    """Eyes in one room. Never announced, never linked by an agent, subscribed to no track.

    Args:
        evaluator: its identity; who else speaks is the agent.
        text: a run in text: the evaluator's words are its messages, not their transcription.
        clock: seconds from the suite's start.
        on_line: told each line as soon as it is complete.
        on_change: told that somebody came, went or changed; RoomService knows more.
    """

    def __init__(
        self,
        *,
        evaluator: str,
        text: bool,
        clock: Callable[[], float],
        on_line: Callable[[Line], None],
        on_change: Callable[[], None],
    ) -> None:
        self.transcript = Transcript()
        self.first_words: list[float] = []
        """When each of the agent's utterances began."""
        self.proven = False
        """The agent said that it is text only."""
        self._evaluator, self._text = evaluator, text
        self._clock, self._on_line, self._on_change = clock, on_line, on_change
        self._room = rtc.Room()
        self._joining: asyncio.Future[None] | None = None
        self._reading: set[asyncio.Task[None]] = set()
        self._segments: dict[str, float] = {}
        self._typed: list[tuple[str, float]] = []

    async def join(self, url: str, token: str) -> None:
        """Join the token's room.

        Raises:
            LiveKitError: it could not; without the token, which the SDK's own error carries.
        """
        self._room.register_text_stream_handler(_CHAT, self._on_chat)
        self._room.register_text_stream_handler(_TRANSCRIPTION, self._on_transcription)
        self._room.register_text_stream_handler(EVENTS_TOPIC, self._on_event)
        self._room.on("data_received", self._on_packet)
        for change in ("participant_connected", "participant_disconnected", "participant_attributes_changed"):
            self._room.on(change, self._on_somebody)
        # A subscription would release the greeting that a voice agent holds for its caller.
        options = rtc.RoomOptions(auto_subscribe=False, connect_timeout=_CONNECT_TIMEOUT)
        self._joining = asyncio.ensure_future(self._room.connect(url, token, options))
        try:
            await asyncio.wait_for(asyncio.shield(self._joining), _CONNECT_TIMEOUT)
        except (rtc.ConnectError, TimeoutError) as error:
            raise LiveKitError(f"the witness could not join ({type(error).__name__})") from None

    async def send_text(self, words: str) -> None:
        """Type into the room; only for one that joined as an evaluator would, with a token that allows it."""
        await self._room.local_participant.send_text(words, topic=_CHAT)

    async def wait_joined(self) -> None:
        """Wait for the end of a join that was broken off.

        It is never cancelled: the native client goes on all the same, into a room that is deleted meanwhile, which the
        server makes again for it, and ends the process when nobody takes what it has joined (livekit 1.1.21).
        """
        if self._joining is not None:
            await asyncio.wait({self._joining}, timeout=_BROKEN_OFF)

    async def leave(self) -> None:
        """Hear the last words to their end, and leave."""
        await self.wait_joined()
        if self._reading:
            await asyncio.wait(self._reading, timeout=_LAST_WORDS)
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        try:
            await asyncio.wait_for(self._room.disconnect(), 2)
        except (TimeoutError, RuntimeError) as error:
            _log.debug("the witness left with %s", type(error).__name__)

    def _on_somebody(self, *_: object) -> None:
        agents = [each for each in self._room.remote_participants.values() if each.identity != self._evaluator]
        self.proven |= any(agent.attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY for agent in agents)
        self._on_change()

    def _on_chat(self, reader: rtc.TextStreamReader, sender: str) -> None:
        if sender == self._evaluator:
            self._read(self._hear_typed(reader))
        else:
            self._read(_drain(reader))

    def _on_transcription(self, reader: rtc.TextStreamReader, sender: str) -> None:
        if sender != self._evaluator:
            self._read(self._hear_agent(reader))
        elif self._text:
            self._read(_drain(reader))
        else:
            self._read(self._hear_evaluator(reader))

    def _on_event(self, reader: rtc.TextStreamReader, sender: str) -> None:
        # The evaluator knows the witness's identity from nowhere, but may guess it.
        self._read(_drain(reader) if sender == self._evaluator else self._note_event(reader))

    def _on_packet(self, packet: rtc.DataPacket) -> None:
        if packet.participant and packet.participant.identity == self._evaluator:
            words = chat_in(packet.data, packet.topic or "")
            if words is not None:
                self._typed_now(words)

    async def _hear_typed(self, reader: rtc.TextStreamReader) -> None:
        self._typed_now(await _all_of(reader))

    def _typed_now(self, words: str) -> None:
        now = self._clock()
        if any(words == said and now - at < _LAPSE for said, at in self._typed[-5:]):
            return
        self._typed.append((words, now))
        self._tell(self.transcript.add_words("evaluator", words, at=now, until=now))

    async def _hear_agent(self, reader: rtc.TextStreamReader) -> None:
        words, began = "", 0.0
        try:
            async for chunk in reader:
                if not began and chunk.strip():
                    began = self._clock()
                    self.first_words.append(began)
                    self._on_change()
                words = (words + chunk)[:TEXT_LIMIT]
        except Exception as error:  # noqa: BLE001 - the kinds differ by version; what came so far was said
            _log.debug("a stream of the agent's broke off: %s", type(error).__name__)
        finally:
            # Also where the talk was cut: these words were heard.
            self._tell(self.transcript.add_words("agent", words, at=began, until=self._clock()))

    async def _hear_evaluator(self, reader: rtc.TextStreamReader) -> None:
        # In voice, the agent's STT in the evaluator's name: one stream a guess, the last of a segment is final.
        now = self._clock()
        words = await _all_of(reader)
        attributes = reader.info.attributes or {}
        segment = attributes.get(_SEGMENT, "")
        began = self._segments.setdefault(segment, now)
        if attributes.get(_FINAL) == "true":
            self._segments.pop(segment, None)
            self._tell(self.transcript.add_words("evaluator", words, at=began, until=now))

    async def _note_event(self, reader: rtc.TextStreamReader) -> None:
        text = await _all_of(reader)
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            self._tell(self.transcript.add_event(event, at=self._clock()))
        else:
            _log.debug("an event of the agent's is no JSON object")

    def _tell(self, line: Line | None) -> None:
        if line is not None:
            self._on_line(line)

    def _read(self, reading: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(reading)
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)


async def _all_of(reader: rtc.TextStreamReader) -> str:
    words = ""
    try:
        async for chunk in reader:
            words += chunk
    except Exception as error:  # noqa: BLE001 - the kinds differ by version; what came so far was said
        _log.debug("a stream broke off: %s", type(error).__name__)
    return words


async def _drain(reader: rtc.TextStreamReader) -> None:
    # A reader that nobody reads stays subscribed to the SDK's queue for as long as the process lives.
    await _all_of(reader)
