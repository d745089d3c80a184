"""Text and byte streams of a room in memory, both ways, without livekit's native client."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from livekit import rtc

Chunk = TypeVar("Chunk")

_ids = itertools.count(1)


@dataclass
class Text:
    """A text stream that the agent opened."""

    topic: str
    sender: str
    """The identity in whose name it was sent: the agent's, or a user's for what was heard of them."""
    to: frozenset[str]
    """Identities of those who receive it: in the room, active and addressed when it was opened."""
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    """All that was written so far."""
    closed: bool = False
    at: float = field(default_factory=time.time)
    """Unix seconds of its begin."""

    def add(self, chunk: Any) -> None:
        """Add what was written."""
        self.text += chunk


@dataclass
class ByteStream:
    """A byte stream that the agent opened."""

    topic: str
    name: str
    to: frozenset[str]
    """Identities of those who receive it: in the room, active and addressed when it was opened."""
    attributes: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""
    """All that was written so far."""
    closed: bool = False
    at: float = field(default_factory=time.time)
    """Unix seconds of its begin."""

    def add(self, chunk: Any) -> None:
        """Add what was written."""
        self.payload += chunk


@dataclass(frozen=True)
class Packet:
    """A data packet that the agent sent."""

    topic: str
    payload: bytes
    to: frozenset[str]
    """Identities of those who received it: in the room, active and addressed when it was sent."""
    at: float = field(default_factory=time.time)
    """Unix seconds."""


def text_info(topic: str, attributes: Mapping[str, str] | None, *, stream_id: str | None, size: int) -> Any:
    """Return `rtc.TextStreamInfo` of a new stream."""
    return rtc.TextStreamInfo(
        stream_id=stream_id or f"stream-{next(_ids)}",
        mime_type="text/plain",
        topic=topic,
        timestamp=int(time.time() * 1000),
        size=size,
        attributes=dict(attributes or {}),
        attachments=[],
    )


def byte_info(
    topic: str,
    attributes: Mapping[str, str] | None,
    *,
    stream_id: str | None,
    size: int,
    name: str,
    mime_type: str,
) -> Any:
    """Return `rtc.ByteStreamInfo` of a new stream."""
    return rtc.ByteStreamInfo(
        stream_id=stream_id or f"stream-{next(_ids)}",
        mime_type=mime_type,
        topic=topic,
        timestamp=int(time.time() * 1000),
        size=size,
        attributes=dict(attributes or {}),
        name=name,
    )


class _Reader(Generic[Chunk]):
    """A stream to the agent, whole when it is delivered."""

    def __init__(self, info: Any, chunks: Iterable[Chunk]) -> None:
        self._info = info
        self._chunks: Iterator[Chunk] = iter(chunks)

    @property
    def info(self) -> Any:
        """Topic, id, attributes."""
        return self._info

    async def __anext__(self) -> Chunk:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration

    def close(self) -> None:
        """Drop what was not read."""
        self._chunks = iter(())

    async def aclose(self) -> None:
        """Drop what was not read."""
        self.close()


class TextReader(_Reader[str], rtc.TextStreamReader):
    """A text stream to the agent."""


class ByteReader(_Reader[bytes], rtc.ByteStreamReader):
    """A byte stream to the agent."""


class _Writer(Generic[Chunk]):
    """A stream from the agent; what is written is added to its record."""

    def __init__(self, info: Any, record: Text | ByteStream, changed: Callable[[], None]) -> None:
        self._info = info
        self._record = record
        self._changed = changed

    @property
    def info(self) -> Any:
        """Topic, id, attributes."""
        return self._info

    async def write(self, chunk: Chunk) -> None:
        """Add to the stream."""
        if self._record.closed:
            raise RuntimeError("Cannot write after stream is closed")
        self._record.add(chunk)
        self._changed()

    async def aclose(self, *, reason: str = "", attributes: dict[str, str] | None = None) -> None:
        """Close the stream; the attributes are added to those with which it was opened."""
        if self._record.closed:
            raise RuntimeError("Stream already closed")
        self._record.attributes.update(attributes or {})
        self._record.closed = True
        self._changed()


class TextWriter(_Writer[str], rtc.TextStreamWriter):
    """A text stream from the agent."""


class ByteWriter(_Writer[bytes], rtc.ByteStreamWriter):
    """A byte stream from the agent."""
