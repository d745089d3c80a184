"""Raw data packets in text tests: chat without text streams, and the payloads of ``publish_data_message``."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from livekit import rtc

    from .caller import Inbox
    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")

CHAT_TOPICS: Final = frozenset({"", "lk.chat", "lk-chat-topic"})
"""Topics on which a packet may be chat: none, livekit-agents', and that of LiveKit's older chat."""
SENDER_TIMEOUT: Final = 10.0
"""Seconds for which words and packets wait for their sender to be announced, which a server does within 3 s."""
KEPT: Final = 1000
"""Data messages kept until there is a handler; a test sends a handful."""

Handler = Callable[["DataMessage"], Awaitable[None] | None]


@dataclass(frozen=True)
class DataMessage:
    """A payload of ``publish_data_message``.

    Attributes:
        payload: the parsed JSON.
        topic: of the packet; may be empty.
        sender: the identity of the participant that sent it.
    """

    payload: Any
    topic: str
    sender: str


@dataclass(frozen=True)
class Chat:
    """Words in a packet, and the form in which they came.

    Attributes:
        text: the words.
        topic: of the packet.
        legacy: whether they came as LiveKit's older chat, a JSON object; otherwise as plain text.
    """

    text: str
    topic: str
    legacy: bool

    def reply(self, text: str) -> str:
        """The payload of an answer in the same form."""
        if not self.legacy:
            return text
        return json.dumps({"id": uuid.uuid4().hex, "timestamp": int(time.time() * 1000), "message": text})


@dataclass(frozen=True)
class Words:
    """Words that were received whole; they are read as a `rtc.TextStreamReader` is."""

    info: rtc.TextStreamInfo
    text: str

    async def read_all(self) -> str:
        """The whole text."""
        return self.text

    async def __aiter__(self) -> AsyncIterator[str]:
        yield self.text


def read_packet(data: bytes, topic: str, sender: str) -> Chat | DataMessage | None:
    """What a packet is.

    Returns:
        On the topics of chat: ``Chat`` for a JSON object with string ``id`` and ``message`` and a ``timestamp``, and
        for anything that is no JSON object or array; ``DataMessage`` for any other object or array. On other topics
        ``DataMessage``. None for the older chat's own twin of a text stream (``ignoreLegacy``).

    Raises:
        ValueError: it is not UTF-8, or on another topic not JSON.
    """
    text = data.decode()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if topic not in CHAT_TOPICS:
            raise ValueError("it is not JSON") from None
        return Chat(text, topic, legacy=False)
    if topic not in CHAT_TOPICS:
        return DataMessage(value, topic, sender)
    if not isinstance(value, dict | list):
        return Chat(text, topic, legacy=False)
    if (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and isinstance(value.get("message"), str)
        and "timestamp" in value
    ):
        return None if value.get("ignoreLegacy") is True else Chat(value["message"], topic, legacy=True)
    return DataMessage(value, topic, sender)


class Mailbox:
    """Data messages on their way to the entrypoint's handler, in order; early ones wait until there is one."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[DataMessage] = asyncio.Queue(KEPT)
        self._handler: Handler = lambda _: None
        self._opened = asyncio.Event()

    def put(self, message: DataMessage) -> None:
        """Keep a message for the handler."""
        try:
            self._messages.put_nowait(message)
        except asyncio.QueueFull:
            logger.warning("a data message of %s was dropped: %d wait for a handler", message.sender, KEPT)

    def open(self, handler: Handler) -> None:
        """Give the handler what waits and what comes; a later one takes its place."""
        self._handler = handler
        self._opened.set()

    async def hand_out(self) -> None:
        """Hand on one message after the other, as long as the job lasts."""
        while True:
            await self._opened.wait()
            message = await self._messages.get()
            try:
                result = self._handler(message)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                logger.exception("on_data_message's handler raised")


class Packets:
    """The packets of the job's room: sorted as they come, and answered in kind.

    Attributes:
        in_kind: the last chat packet, where nothing came as a text stream since; the agent's words then go out in its
            form too.
    """

    def __init__(self, job: JobUnderTest, inbox: Inbox, mailbox: Mailbox) -> None:
        self.in_kind: Chat | None = None
        self._room = job.room
        self._job = job
        self._inbox = inbox
        self._mailbox = mailbox
        self._coming: asyncio.Queue[tuple[rtc.DataPacket, bool]] = asyncio.Queue()
        self._going: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._room.on("data_received", self._on_packet)
        job.start(self._sort(), "packets")
        job.start(self._answer(), "packets_out")

    def answer(self, text: str) -> None:
        """Say a segment of the agent's in the form in which the caller wrote."""
        if self.in_kind is not None:
            self._going.put_nowait((self.in_kind.topic, self.in_kind.reply(text)))

    def _on_packet(self, packet: rtc.DataPacket) -> None:
        self._coming.put_nowait((packet, self._job.caller() is not None))

    async def _sort(self) -> None:
        while True:
            packet, caller_was_there = await self._coming.get()
            caller = await self._job.until_caller(SENDER_TIMEOUT)
            # No participant: one that has not been announced yet, or, once the caller is there, a server.
            sender = packet.participant.identity if packet.participant else ("" if caller_was_there else caller)
            topic = packet.topic or ""
            if not sender or sender != caller:
                logger.debug("a packet on %r by %r is not the caller's", topic, sender)
                continue
            try:
                read = read_packet(packet.data, topic, sender)
            except ValueError as fault:
                logger.warning("a packet on %r cannot be read: %s", topic, fault)
                continue
            if isinstance(read, DataMessage):
                self._mailbox.put(read)
            elif read is not None and not self._inbox.is_twin(read.text, stream=False):
                self.in_kind = read
                self._inbox.take(self._words(read), sender)

    def _words(self, chat: Chat) -> Words:
        from livekit import rtc

        info = rtc.TextStreamInfo(
            stream_id=uuid.uuid4().hex,
            mime_type="text/plain",
            topic=chat.topic,
            timestamp=int(time.time() * 1000),
            size=len(chat.text.encode()),
            attributes={},
            attachments=[],
        )
        return Words(info, chat.text)

    async def _answer(self) -> None:
        while True:
            topic, text = await self._going.get()
            caller = self._job.caller()
            try:
                await self._room.local_participant.publish_data(
                    text, topic=topic, destination_identities=[caller] if caller else []
                )
            except Exception as fault:  # noqa: BLE001
                logger.warning("an answer could not be sent as a packet: %s: %s", type(fault).__name__, fault)
