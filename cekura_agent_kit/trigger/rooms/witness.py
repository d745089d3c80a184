"""Hidden participant of a room. It receives what RoomService does not list: both sides' words, tool calls, handoffs."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from itertools import takewhile
from typing import Any, Final

from livekit import rtc

from ... import native_log
from ...chat import (
    CHAT_TOPIC,
    FINAL_ATTRIBUTE,
    SEGMENT_ATTRIBUTE,
    TRANSCRIPTION_TOPIC,
    TWIN_SECONDS,
    ChatPacket,
    read_packet,
)
from ...contract import ATTRIBUTES_PREFIX, EVENTS_TOPIC, FAILED_ATTRIBUTE, PROOF_ATTRIBUTE, TEXT_ONLY
from ...errors import LiveKitError
from ...room_handlers import RoomHandlers
from ...safe_text import TEXT_LIMIT
from ...verdict import Line
from ..settings.certificates import TRUST_HINT
from .text_streams import all_of, chunks, drain
from .transcript import Transcript

IDENTITY: Final = "cekura-witness"

_CONNECT_TIMEOUT: Final = 10.0
"""Seconds; 0.05 to 0.3 on loopback, 1 to 2 to a server far away."""
_CANCELLED_JOIN: Final = 2.0
"""Seconds for the end of a join that was cancelled."""
_LAST_WORDS: Final = 0.5
"""Seconds for streams that are still open at the end of the conversation."""
_IN_ORDER: Final = 2.0
"""Seconds for which a complete line waits for streams that were opened before it."""
_TRANSCRIBED: Final = 0.4
"""Seconds in voice for the evaluator's words, which the agent transcribes and may send just after their effect."""

_UNTRUSTED: Final = re.compile(r"invalid peer certificate: (\w+)")
"""In the text of the native client's error (livekit 1.1.21)."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class Witness:
    """Hidden participant of one room: not announced, never linked by an agent, subscribed to no track.

    The time of every line is the suite's clock when its first words arrived: its stream's opening, since a stream is
    opened to write its first words. The opening is stamped in the callback that receives it. A task that reads the
    stream runs later on a busy event loop, by more for one stream than for the next, and effects would precede causes.

    Args:
        evaluator: identity of the evaluator; any other speaker is the agent.
        text: a run in text: the evaluator's words are its messages, not the transcription of its speech.
        clock: seconds from the suite's start.
        on_line: called with each line as soon as it is complete, in the order in which lines began.
        on_change: called when a participant joined or left, or the agent set an attribute of ours; RoomService knows
            more. A change of the agent's state is none: it changes several times a turn.
        on_reply: called when the agent begins an utterance.
    """

    def __init__(
        self,
        *,
        evaluator: str,
        text: bool,
        clock: Callable[[], float],
        on_line: Callable[[Line], None],
        on_change: Callable[[], None],
        on_reply: Callable[[], None] = lambda: None,
    ) -> None:
        self.transcript = Transcript()
        self.first_words: list[float] = []
        """Start of each of the agent's utterances."""
        self.proven = False
        """The agent set the proof of text mode."""
        self.receives_events = False
        """The agent sent an event: it would also send that it deletes the room."""
        self.agent_deleted_room = False
        """The agent deleted the room, to hang up."""
        self.failed_check = ""
        """First of the agent's own checks that failed, by its attribute."""
        self.lost = 0
        """Times that its connection broke off while it was in the room."""
        self._evaluator, self._text = evaluator, text
        self._clock, self._on_line, self._on_change, self._on_reply = clock, on_line, on_change, on_reply
        native_log.install()
        self._room = rtc.Room()
        self._handlers = RoomHandlers(self._room)
        self._joining: asyncio.Future[None] | None = None
        self._open: dict[asyncio.Task[None], None] = {}
        """Tasks of the streams that are being received, in the order of their opening."""
        self._asked = 0.0
        self._segments: dict[str, float] = {}
        self._messages: list[tuple[str, float]] = []

    async def join(self, url: str, token: str) -> None:
        """Join the token's room.

        Raises:
            LiveKitError: it could not join; without the token, which the SDK's own error contains.
        """
        self._handlers.on_text(CHAT_TOPIC, self._on_chat)
        self._handlers.on_text(TRANSCRIPTION_TOPIC, self._on_transcription)
        self._handlers.on_text(EVENTS_TOPIC, self._on_event)
        self._handlers.on("data_received", self._on_packet)
        self._handlers.on("reconnecting", self._on_connection_lost)
        for change in ("participant_connected", "participant_disconnected"):
            self._handlers.on(change, self._on_participant)
        self._handlers.on("participant_attributes_changed", self._on_attributes)
        # A subscription would release the greeting that a voice agent holds for its caller.
        options = rtc.RoomOptions(auto_subscribe=False, connect_timeout=_CONNECT_TIMEOUT)
        self._joining = asyncio.ensure_future(self._room.connect(url, token, options))
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await asyncio.shield(self._joining)
        except (rtc.ConnectError, TimeoutError) as error:
            if untrusted := _UNTRUSTED.search(str(error)):
                raise LiveKitError(
                    f"the witness could not join: LiveKit's certificate is not trusted ({untrusted[1]})",
                    hint=TRUST_HINT,
                ) from None
            raise LiveKitError(f"the witness could not join ({type(error).__name__})") from None

    async def send_text(self, text: str) -> None:
        """Send a chat message; only where the token allows it, as an evaluator's does."""
        await self._room.local_participant.send_text(text, topic=CHAT_TOPIC)

    async def wait_joined(self) -> None:
        """Wait for the end of a join whose caller was cancelled.

        The join itself is never cancelled: the native client continues all the same, into a room that is deleted
        meanwhile, which the server then creates again; and it ends the process when nobody awaits its result
        (livekit 1.1.21).
        """
        if self._joining is not None:
            await asyncio.wait({self._joining}, timeout=_CANCELLED_JOIN)

    async def leave(self) -> None:
        """Receive the last words to their end, and leave the room."""
        await self.wait_joined()
        if self._open:
            await asyncio.wait(self._open, timeout=_LAST_WORDS)
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        try:
            async with asyncio.timeout(2):
                await self._room.disconnect()
        except (TimeoutError, RuntimeError) as error:
            _log.debug("the witness left with %s", type(error).__name__)
        self._handlers.remove()

    def _on_connection_lost(self) -> None:
        self.lost += 1

    def _on_attributes(self, changed: Mapping[str, str], of: rtc.Participant) -> None:
        if of.identity != self._evaluator and any(name.startswith(ATTRIBUTES_PREFIX) for name in changed):
            self._on_participant()

    def _on_participant(self, *_: object) -> None:
        agents = [each for each in self._room.remote_participants.values() if each.identity != self._evaluator]
        self.proven |= any(agent.attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY for agent in agents)
        failed = (agent.attributes.get(FAILED_ATTRIBUTE, "") for agent in agents)
        self.failed_check = next(filter(None, failed), self.failed_check)
        self._on_change()

    def _on_chat(self, reader: rtc.TextStreamReader, sender: str) -> None:
        if sender == self._evaluator:
            self._asked = self._clock()
            self._start(self._receive_message(reader, self._asked))
        else:
            self._start(drain(reader))

    def _on_transcription(self, reader: rtc.TextStreamReader, sender: str) -> None:
        if sender != self._evaluator:
            self._start(self._receive_reply(reader, self._clock()))
        elif self._text:
            self._start(drain(reader))
        else:
            self._start(self._receive_speech(reader, self._clock()))

    def _on_event(self, reader: rtc.TextStreamReader, sender: str) -> None:
        # The evaluator does not know the witness's identity, but may guess it.
        if sender == self._evaluator:
            self._start(drain(reader))
        else:
            self._start(self._receive_event(reader, self._clock(), self._asked))

    def _on_packet(self, packet: rtc.DataPacket) -> None:
        # Before the evaluator is announced, its packets have no participant; afterwards those without are a server's.
        known = self._evaluator in self._room.remote_participants
        sender = packet.participant.identity if packet.participant else "" if known else self._evaluator
        if sender != self._evaluator:
            return
        try:
            chat = read_packet(packet.data, packet.topic or "")
        except ValueError as error:
            _log.debug("a packet of the evaluator's is not chat: %s", error)
            return
        if isinstance(chat, ChatPacket):
            self._asked = self._clock()
            self._report(self._add_message(chat.text, at=self._asked, until=self._asked))

    async def _receive_message(self, reader: rtc.TextStreamReader, opened: float) -> None:
        text, until = "", opened
        async for chunk in chunks(reader):
            if text:
                until = self._clock()
            text += chunk
        await self._report_in_order(lambda: self._add_message(text, at=opened, until=until))

    def _add_message(self, text: str, *, at: float, until: float) -> Line | None:
        # LiveKit's older chat sends each message twice: as a stream and as a packet.
        if any(text == sent and abs(at - then) < TWIN_SECONDS for sent, then in self._messages[-5:]):
            return None
        self._messages.append((text, at))
        return self.transcript.add_words("evaluator", text, at=at, until=until)

    async def _receive_reply(self, reader: rtc.TextStreamReader, opened: float) -> None:
        text, began, until = "", opened, opened
        try:
            async for chunk in chunks(reader):
                if text:
                    until = self._clock()
                if not text.strip() and chunk.strip():
                    # Later than the opening only if the stream was opened with white space.
                    began = until
                    self.first_words.append(began)
                    self._on_reply()
                text = (text + chunk)[:TEXT_LIMIT]
        finally:
            # Also when the witness leaves in the middle of a reply: these words were received.
            await self._report_in_order(lambda: self.transcript.add_words("agent", text, at=began, until=until))

    async def _receive_speech(self, reader: rtc.TextStreamReader, opened: float) -> None:
        """Receive the agent's transcription of the evaluator's speech: one stream a guess, the last one final."""
        text = await all_of(reader)
        attributes = reader.info.attributes or {}
        segment = attributes.get(SEGMENT_ATTRIBUTE, "")
        began = self._segments.setdefault(segment, opened)
        if attributes.get(FINAL_ATTRIBUTE) == "true":
            self._asked = self._segments.pop(segment)
            self._report(self.transcript.add_words("evaluator", text, at=began, until=opened))

    async def _receive_event(self, reader: rtc.TextStreamReader, opened: float, asked: float) -> None:
        text = await all_of(reader)
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            _log.debug("an event of the agent's is not a JSON object")
            return
        self.receives_events = True
        self.agent_deleted_room |= event.get("type") == "room_deleted"
        if self._text:
            await self._report_in_order(lambda: self.transcript.add_event(event, at=opened, asked=asked))
        else:
            await self._report_in_order(
                lambda: self.transcript.add_event(event, at=opened, asked=self._asked), after=_TRANSCRIBED
            )

    def _report(self, line: Line | None) -> None:
        if line is not None:
            self._on_line(line)

    def _start(self, receiving: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(receiving)
        self._open[task] = None
        task.add_done_callback(lambda task: self._open.pop(task, None))

    async def _report_in_order(self, add: Callable[[], Line | None], *, after: float = 0.0) -> None:
        """Add and report a line once the streams that were opened before it are complete; at once when cancelled.

        Args:
            add: adds the line to the transcript.
            after: seconds to wait first.
        """
        me = asyncio.current_task()
        before = list(takewhile(lambda task: task is not me, self._open))
        try:
            await asyncio.sleep(after)
            if before:
                await asyncio.wait(before, timeout=_IN_ORDER)
        finally:
            self._report(add())
