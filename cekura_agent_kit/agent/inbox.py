"""Words that arrive, by text stream or data packet: one queue of messages, each with its form."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from livekit import rtc
from livekit.agents.voice.room_io import RoomIO

from ..chat import CHAT_TOPIC, TWIN_SECONDS, ChatPacket, Payload, read_packet
from .data_messages import DataMessage, Mailbox

if TYPE_CHECKING:
    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")

SENDER_TIMEOUT: Final = 10.0
"""Seconds for which words wait for their sender to be announced; a server announces within 3 s."""
STREAM_TIMEOUT: Final = 10.0
"""Seconds for which an open stream may stay unfinished; the messages behind it wait."""
MAX_WAITING: Final = 1000
"""Messages of one sender that wait to be delivered; of more, the oldest are dropped."""
MAX_UNANSWERED: Final = 1000
"""Messages whose form is remembered until they are answered."""


@dataclass(frozen=True)
class Message:
    """Words of the caller.

    Attributes:
        text: the words.
        sender: identity of the caller.
        packet: the data packet in which they came; None for a text stream. An answer leaves in the same form.
        arrived: monotonic time at which the packet came or the stream was opened.
        stream_id: id of the stream; made up for a packet.
    """

    text: str
    sender: str
    packet: ChatPacket | None
    arrived: float
    stream_id: str


class WholeText:
    """Text that was received whole, in the shape of an ``rtc.TextStreamReader``."""

    def __init__(self, info: rtc.TextStreamInfo, text: str) -> None:
        self.info = info
        self._text = text

    async def read_all(self) -> str:
        """Return the whole text."""
        return self._text

    async def __aiter__(self) -> AsyncIterator[str]:
        yield self._text


@dataclass(frozen=True)
class _Arrival:
    """A stream that was opened, or a chat packet. The sender is empty for a packet without a participant."""

    content: rtc.TextStreamReader | ChatPacket
    sender: str
    caller_was_there: bool
    arrived: float


class Inbox:
    """Text streams and chat packets of a room, delivered to the handler of ``lk.chat``, in order of arrival.

    Replaces the room's own delivery: livekit-agents drops words whose sender has not been announced yet, words that
    come before a handler is registered, and words that come before the session has started.
    """

    def __init__(
        self, job: JobUnderTest, mailbox: Mailbox, wait_until_ready: Callable[[RoomIO], Awaitable[object]]
    ) -> None:
        self._job = job
        self._mailbox = mailbox
        self._wait_until_ready = wait_until_ready
        self._room = job.room
        self._register = self._room.register_text_stream_handler
        self._unregister = self._room.unregister_text_stream_handler
        self._handler: Callable[..., Any] | None = None
        self._has_handler = asyncio.Event()
        self._arrivals: deque[_Arrival] = deque()
        self._has_arrivals = asyncio.Event()
        self._waiting: Counter[str] = Counter()
        self._flooding: set[str] = set()
        self._recent: deque[Message] = deque(maxlen=20)
        self._unanswered: OrderedDict[str, Message] = OrderedDict()
        self._register(CHAT_TOPIC, self._on_stream)
        self._room.on("data_received", self._on_packet)
        # Only on this room: handlers of other topics, and other rooms, are untouched.
        self._room.register_text_stream_handler = self._register_handler  # type: ignore[method-assign]
        self._room.unregister_text_stream_handler = self._unregister_handler  # type: ignore[method-assign]
        job.start_task(self._deliver_all(), "inbox")

    def message_of(self, info: rtc.TextStreamInfo | None, text: str) -> Message:
        """Return the message that was delivered with this stream info; one made now for words of another source."""
        found = self._unanswered.pop(info.stream_id, None) if info else None
        return found or Message(text=text, sender="", packet=None, arrived=time.monotonic(), stream_id="")

    async def wait_for_sender(self, message: DataMessage) -> DataMessage | None:
        """Return the data message with its sender; None if it is not the caller's."""
        caller = await self._job.wait_for_caller(SENDER_TIMEOUT)
        sender = message.sender or caller
        if caller is None or sender != caller:
            logger.debug("a packet on %r by %r is not the caller's", message.topic, sender)
            return None
        return replace(message, sender=caller)

    @property
    def handler(self) -> Callable[..., Any] | None:
        """The handler of ``lk.chat``: a session's, or the agent's own; None before one is registered."""
        return self._handler

    def _register_handler(self, topic: str, handler: Callable[..., Any]) -> None:
        if topic != CHAT_TOPIC:
            self._register(topic, handler)
            return
        if self._handler is not None:
            raise ValueError(f"text stream handler for topic '{topic}' already set")
        self._handler = handler
        self._has_handler.set()

    def _unregister_handler(self, topic: str) -> None:
        if topic != CHAT_TOPIC:
            self._unregister(topic)
            return
        self._handler = None
        self._has_handler.clear()

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._put(_Arrival(reader, identity, True, time.monotonic()))

    def _on_packet(self, packet: rtc.DataPacket) -> None:
        topic = packet.topic or ""
        sender = packet.participant.identity if packet.participant else ""
        caller_is_there = self._job.caller() is not None
        if not sender and caller_is_there:
            # The caller has been announced, so this packet is a server's.
            logger.debug("a packet on %r without a sender is not the caller's", topic)
            return
        if sender and self._is_stranger(sender):
            logger.debug("a packet on %r by %s is not the caller's", topic, sender)
            return
        try:
            content = read_packet(packet.data, topic)
        except ValueError as error:
            logger.warning("a packet on %r cannot be read: %s", topic, error)
            return
        if isinstance(content, Payload):
            self._mailbox.put(DataMessage(content.value, topic, sender))
        elif content is not None:
            self._put(_Arrival(content, sender, caller_is_there, time.monotonic()))

    def _put(self, arrival: _Arrival) -> None:
        """Add what arrived. A flood costs no other sender anything, and of its own messages the latest remain."""
        if self._is_stranger(arrival.sender):
            logger.debug("words of %s are not the caller's", arrival.sender)
            _refuse(arrival)
            return
        if self._waiting[arrival.sender] >= MAX_WAITING:
            self._drop_oldest(arrival.sender)
        self._waiting[arrival.sender] += 1
        self._arrivals.append(arrival)
        self._has_arrivals.set()

    def _drop_oldest(self, sender: str) -> None:
        if sender not in self._flooding:
            self._flooding.add(sender)
            logger.warning("words of %s are dropped: %d later ones of theirs wait", sender, MAX_WAITING)
        oldest = next(each for each in self._arrivals if each.sender == sender)
        self._arrivals.remove(oldest)
        self._waiting[sender] -= 1
        _refuse(oldest)

    def _is_stranger(self, sender: str) -> bool:
        """Return True for a participant that is certainly not the caller."""
        caller = self._job.caller()
        return bool(sender) and caller is not None and sender != caller

    async def _next_arrival(self) -> _Arrival:
        while not self._arrivals:
            self._has_arrivals.clear()
            await self._has_arrivals.wait()
        arrival = self._arrivals.popleft()
        self._waiting[arrival.sender] -= 1
        return arrival

    async def _deliver_all(self) -> None:
        while True:
            arrival = await self._next_arrival()
            handler = await self._ready_handler()
            if not await self._is_from_caller(arrival):
                _refuse(arrival)
                continue
            received = await self._read(arrival)
            if received is None or self._is_twin(received[0]):
                continue
            message, info = received
            self._remember(message)
            try:
                handler(WholeText(info, message.text), message.sender)
            except Exception:
                logger.exception("the handler of %s raised", CHAT_TOPIC)

    async def _ready_handler(self) -> Callable[..., Any]:
        """Wait for a handler whose session has started."""
        while True:
            await self._has_handler.wait()
            handler = self._handler
            owner = getattr(handler, "__self__", None)
            if isinstance(owner, RoomIO):
                await self._wait_until_ready(owner)
            if handler is self._handler and handler is not None:
                return handler

    async def _is_from_caller(self, arrival: _Arrival) -> bool:
        """Ask before the stream is read: an unfinished stream of a stranger must not hold back the caller's words."""
        caller = await self._job.wait_for_caller(SENDER_TIMEOUT)
        sender = arrival.sender or "an unknown participant"
        if caller is None:
            logger.warning("words of %s were dropped: no caller was announced within %g s", sender, SENDER_TIMEOUT)
            return False
        if arrival.sender and arrival.sender != caller:
            logger.debug("words of %s are not the caller's", sender)
            return False
        return True

    async def _read(self, arrival: _Arrival) -> tuple[Message, rtc.TextStreamInfo] | None:
        caller = self._job.caller() or arrival.sender
        if isinstance(arrival.content, ChatPacket):
            packet = arrival.content
            info = _info_of(packet)
            return Message(packet.text, caller, packet, arrival.arrived, info.stream_id), info
        reader = arrival.content
        try:
            async with asyncio.timeout(STREAM_TIMEOUT):
                text = await reader.read_all()
        except (TimeoutError, ConnectionError) as error:
            logger.warning("words of %s were lost in transit: %s: %s", arrival.sender, type(error).__name__, error)
            _refuse(arrival)
            return None
        return Message(text, arrival.sender, None, arrival.arrived, reader.info.stream_id), reader.info

    def _is_twin(self, message: Message) -> bool:
        """Return True if the same words came a moment ago in the other form."""
        for other in self._recent:
            same_words = other.text == message.text and (other.packet is None) is not (message.packet is None)
            if same_words and abs(message.arrived - other.arrived) < TWIN_SECONDS:
                return True
        self._recent.append(message)
        return False

    def _remember(self, message: Message) -> None:
        self._unanswered[message.stream_id] = message
        while len(self._unanswered) > MAX_UNANSWERED:
            self._unanswered.popitem(last=False)


def _refuse(arrival: _Arrival) -> None:
    """Close a stream that nobody will read: an open one stays subscribed to the SDK's queue as long as the process."""
    # Before livekit 1.1 a reader has no `close`, and no subscription.
    close = getattr(arrival.content, "close", None)
    if callable(close):
        close()


def _info_of(packet: ChatPacket) -> rtc.TextStreamInfo:
    return rtc.TextStreamInfo(
        stream_id=uuid.uuid4().hex,
        mime_type="text/plain",
        topic=packet.topic,
        timestamp=int(time.time() * 1000),
        size=len(packet.text.encode()),
        attributes={},
        attachments=[],
    )
