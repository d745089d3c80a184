"""Payloads of ``publish_data_message`` on their way to the entrypoint's handler."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

logger = logging.getLogger("cekura_agent_kit")

MAX_WAITING: Final = 1000
"""Data messages that wait for a sender or a handler; a test sends a handful."""

Handler = Callable[["DataMessage"], Awaitable[Any] | None]


@dataclass(frozen=True)
class DataMessage:
    """Payload of ``publish_data_message``.

    Attributes:
        payload: the parsed JSON.
        topic: topic of the packet; may be empty.
        sender: identity of the participant that sent it.
    """

    payload: Any
    topic: str
    sender: str


class Mailbox:
    """Data messages in order of arrival; early ones wait for a handler."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[DataMessage] = asyncio.Queue(MAX_WAITING)
        self._handler: Handler | None = None
        self._has_handler = asyncio.Event()

    def put(self, message: DataMessage) -> None:
        """Add a message; its sender is empty where the packet had none."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            logger.warning("a data message of %s was dropped: %d wait for a handler", message.sender, MAX_WAITING)

    def set_handler(self, handler: Handler) -> None:
        """Deliver to this handler from now on, first the messages that wait; a later handler replaces it."""
        self._handler = handler
        self._has_handler.set()

    async def deliver(self, wait_for_sender: Callable[[DataMessage], Awaitable[DataMessage | None]]) -> None:
        """Deliver one message after the other, as long as the job lasts.

        Args:
            wait_for_sender: returns the message with its sender's identity; None if it is not the caller's.
        """
        while True:
            received = await self._waiting.get()
            if (message := await wait_for_sender(received)) is None:
                continue
            await self._has_handler.wait()
            assert self._handler is not None, "the event is set with the handler"
            try:
                result = self._handler(message)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                logger.exception("the handler of on_data_message raised")
