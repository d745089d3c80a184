"""Chat on the wire, for both sides: topics and attributes of text streams, and chat in data packets.

Words travel in a LiveKit room in two forms. *Streams*: text streams, to the agent on `CHAT_TOPIC`, from it on
`TRANSCRIPTION_TOPIC`. *Packets*: raw data packets on one of `PACKET_TOPICS`, as plain text or as LiveKit's older chat,
a JSON object with ``id``, ``timestamp`` and ``message``.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

CHAT_TOPIC: Final = "lk.chat"
"""Text streams to the agent (livekit-agents: ``TOPIC_CHAT``)."""
TRANSCRIPTION_TOPIC: Final = "lk.transcription"
"""Text streams with what was said, under the identity of who said it (livekit-agents: ``TOPIC_TRANSCRIPTION``)."""
FINAL_ATTRIBUTE: Final = "lk.transcription_final"
"""Attribute of a transcription stream: ``false`` for an interim transcript of speech."""
SEGMENT_ATTRIBUTE: Final = "lk.segment_id"
"""Attribute of a transcription stream: interim and final transcripts of one segment share it."""
TRACK_ATTRIBUTE: Final = "lk.transcribed_track_id"
"""Attribute of a transcription stream: the audio track that was transcribed; absent for text without sound."""
OLDER_CHAT_TOPIC: Final = "lk-chat-topic"
"""Data packets of LiveKit's older chat."""
PACKET_TOPICS: Final = frozenset({"", CHAT_TOPIC, OLDER_CHAT_TOPIC})
"""Topics on which a data packet may be chat: none, livekit-agents', and that of LiveKit's older chat."""
TWIN_SECONDS: Final = 2.0
"""Seconds within which a packet and a text stream with the same words are one message, sent in both forms."""


@dataclass(frozen=True)
class ChatPacket:
    """Chat in a data packet, and the form in which it came.

    Attributes:
        text: the words.
        topic: topic of the packet; may be empty.
        is_json: LiveKit's older chat, a JSON object; otherwise plain text.
    """

    text: str
    topic: str
    is_json: bool

    def answer(self, text: str) -> str:
        """Return the payload of an answer in the same form."""
        if not self.is_json:
            return text
        return json.dumps({"id": uuid.uuid4().hex, "timestamp": int(time.time() * 1000), "message": text})


@dataclass(frozen=True)
class Payload:
    """A data packet that is not chat: parsed JSON, as ``publish_data_message`` sends it."""

    value: Any
    topic: str


def read_packet(data: bytes, topic: str) -> ChatPacket | Payload | None:
    """Read a data packet.

    Args:
        data: its bytes.
        topic: its topic; empty where it has none.

    Returns:
        On a topic of `PACKET_TOPICS`: `ChatPacket` for a JSON object with string ``id`` and ``message`` and a
        ``timestamp``, and for text that is not a JSON object or array; `Payload` for any other object or array. On
        other topics `Payload`. None for the twin that LiveKit's older chat sends beside a text stream
        (``ignoreLegacy``).

    Raises:
        ValueError: it is not UTF-8, or on another topic not JSON.
    """
    text = data.decode()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if topic not in PACKET_TOPICS:
            raise ValueError("not JSON") from None
        return ChatPacket(text, topic, is_json=False)
    if topic not in PACKET_TOPICS:
        return Payload(value, topic)
    if not isinstance(value, dict | list):
        return ChatPacket(text, topic, is_json=False)
    if (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and isinstance(value.get("message"), str)
        and "timestamp" in value
    ):
        return None if value.get("ignoreLegacy") is True else ChatPacket(value["message"], topic, is_json=True)
    return Payload(value, topic)
