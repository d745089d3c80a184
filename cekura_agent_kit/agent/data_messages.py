"""Raw data packets in text tests: chat by evaluators that use no text streams, and ``publish_data_message`` payloads."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

logger = logging.getLogger("cekura_agent_kit")

CHAT_TOPICS: Final = frozenset({"", "lk.chat", "lk-chat-topic"})
"""Topics on which a packet may be chat: none, livekit-agents', and that of LiveKit's older chat."""
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


def read_packet(data: bytes, topic: str, sender: str) -> Chat | DataMessage | None:
    """What a packet is.

    Returns:
        On the topics of chat: ``Chat`` for a JSON object with string ``id`` and ``message`` and a ``timestamp``, and for
        anything that is no JSON object or array; ``DataMessage`` for any other object or array. On other topics
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
        self._handler: Handler | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, message: DataMessage) -> None:
        """Keep a message for the handler."""
        try:
            self._messages.put_nowait(message)
        except asyncio.QueueFull:
            logger.warning("a data message of %s was dropped: %d wait for a handler", message.sender, KEPT)

    def open(self, handler: Handler) -> None:
        """Give the handler what waits and what comes; a later one takes its place."""
        self._handler = handler
        if self._task is None:
            self._task = asyncio.create_task(self._hand_out(), name="cekura_data_messages")

    async def _hand_out(self) -> None:
        while self._handler is not None:
            message = await self._messages.get()
            try:
                result = self._handler(message)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                logger.exception("on_data_message's handler raised")
