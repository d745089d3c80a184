"""The other side of a room in memory: a participant that is no agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from livekit import rtc

from . import internals
from .streams import ByteReader, Packet, Text, TextReader, byte_info, text_info

if TYPE_CHECKING:
    from .room import MemoryRoom

CHAT_TOPIC = "lk.chat"
TRANSCRIPTION_TOPIC = "lk.transcription"


class Caller:
    """A participant other than the agent: what an evaluator is in a real room. Made by `MemoryRoom.join`."""

    def __init__(self, room: MemoryRoom, info: Any) -> None:
        self._room = room
        self.participant = rtc.RemoteParticipant(internals.owned(info))
        """As the agent sees it."""
        self.announced = False
        self.present = True

    @property
    def identity(self) -> str:
        """The participant's identity."""
        return self.participant.identity

    @property
    def active(self) -> bool:
        """Whether it is in the room and can receive."""
        return self.present and self.participant.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE

    @property
    def texts(self) -> list[Text]:
        """Text streams that reached it, in the order in which they were opened."""
        return [text for text in self._room.texts if self.identity in text.to]

    @property
    def packets(self) -> list[Packet]:
        """Data packets and byte streams that reached it."""
        return [packet for packet in self._room.packets if self.identity in packet.to]

    @property
    def heard(self) -> list[str]:
        """The agent's words as they reached it: its transcription streams, one a segment."""
        agent = self._room.agent_identity
        return [text.text for text in self.texts if text.topic == TRANSCRIPTION_TOPIC and text.sender == agent]

    def announce(self) -> None:
        """The agent learns that it is there. Needed once, for one that joined with ``announced=False``."""
        if self.announced:
            return
        self.announced = True
        self._room._announce(self)

    def activate(self) -> None:
        """It can receive from now on. Needed once, for one that joined with ``active=False``."""
        if self.active:
            return
        internals.info_of(self.participant).state = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
        if self.announced:
            self._room._post("participant_active", self.participant)

    def say(self, text: str, *, attributes: Mapping[str, str] | None = None) -> str:
        """Type a message: a text stream on ``lk.chat``. See `send_text`."""
        return self.send_text(text, topic=CHAT_TOPIC, attributes=attributes)

    def send_text(
        self, text: str, *, topic: str, attributes: Mapping[str, str] | None = None, stream_id: str | None = None
    ) -> str:
        """Send a text stream; gives its id."""
        info = text_info(topic, attributes, stream_id=stream_id, size=len(text.encode()))
        self._room._schedule(self._room._hand_over_text, TextReader(info, [text]), self.identity)
        return str(info.stream_id)

    def send_bytes(
        self, data: bytes, *, topic: str, name: str = "unknown", attributes: Mapping[str, str] | None = None
    ) -> None:
        """Send a byte stream."""
        info = byte_info(
            topic, attributes, stream_id=None, size=len(data), name=name, mime_type="application/octet-stream"
        )
        self._room._schedule(self._room._hand_over_bytes, ByteReader(info, [data]), self.identity)

    def send_data(self, payload: object, *, topic: str = "") -> None:
        """Send a data packet: bytes and str as they are, anything else as JSON."""
        if isinstance(payload, str):
            payload = payload.encode()
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._room._schedule(self._room._receive, self.identity, data, topic)

    def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Change attributes; an empty value removes its key."""
        changed = internals.change_attributes(self.participant, attributes)
        if self.announced:
            self._room._post("participant_attributes_changed", changed, self.participant)

    def leave(self, reason: Any = rtc.DisconnectReason.CLIENT_INITIATED) -> None:
        """Leave the room, or be removed from it, as `rtc.DisconnectReason` says."""
        if self.present:
            self.present = False
            self._room._remove(self, reason)
