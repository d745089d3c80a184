"""Handlers of one room of livekit's native client, removed together once the room was left."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livekit import rtc


class RoomHandlers:
    """Handlers of a room's events and text streams.

    A room and the object that handles its events refer to each other. Unless the handlers are removed, a room that was
    left keeps its threads (about 7) and file descriptors (about 9) until Python's collector finds the two, which takes
    dozens of runs (livekit 1.1.21).

    Args:
        room: the room; not connected yet, so that no early event is lost.
    """

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._events: list[tuple[Any, Callable[..., Any]]] = []
        self._topics: list[str] = []

    def on(self, event: Any, handler: Callable[..., Any]) -> None:
        """Call the handler on each event of this name."""
        self._room.on(event, handler)
        self._events.append((event, handler))

    def on_text(self, topic: str, handler: Callable[[rtc.TextStreamReader, str], None]) -> None:
        """Call the handler with each text stream on this topic, and its sender."""
        self._room.register_text_stream_handler(topic, handler)
        self._topics.append(topic)

    def remove(self) -> None:
        """Remove all of them."""
        for event, handler in self._events:
            self._room.off(event, handler)
        for topic in self._topics:
            self._room.unregister_text_stream_handler(topic)
        self._events.clear()
        self._topics.clear()
