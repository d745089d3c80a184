"""The callers' side of a room in memory: a participant that is not an agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from livekit import rtc

from ...chat import CHAT_TOPIC, TRANSCRIPTION_TOPIC
from ..internals.rtc import change_attributes, info_of, remote_participant
from .rpc import RESPONSE_TIMEOUT, Handler, Methods
from .streams import ByteReader, ByteStream, Packet, Text, TextReader, byte_info, text_info
from .wire import Wire, is_active


class Caller:
    """A participant other than the agent: what an evaluator is in a real room. Made by `MemoryRoom.join`.

    Attributes:
        participant: the caller as the agent's code has it.
        announced: the agent has been notified of it.
    """

    def __init__(self, wire: Wire, info: Any) -> None:
        self.participant = remote_participant(info)
        self.announced = False
        self._wire = wire
        wire.present[self.identity] = self.participant
        self._methods = wire.caller_methods[self.identity] = Methods()

    @property
    def identity(self) -> str:
        """The participant's identity."""
        return self.participant.identity

    @property
    def present(self) -> bool:
        """True while it is in the room."""
        return self._wire.present.get(self.identity) is self.participant

    @property
    def active(self) -> bool:
        """True while it is in the room and can receive."""
        return self.present and is_active(self.participant)

    @property
    def texts(self) -> list[Text]:
        """Text streams that reached it, in the order in which they were opened."""
        return [text for text in self._wire.texts if self.identity in text.to]

    @property
    def packets(self) -> list[Packet]:
        """Data packets that reached it."""
        return [packet for packet in self._wire.packets if self.identity in packet.to]

    @property
    def byte_streams(self) -> list[ByteStream]:
        """Byte streams that reached it, in the order in which they were opened."""
        return [stream for stream in self._wire.byte_streams if self.identity in stream.to]

    @property
    def heard(self) -> list[str]:
        """The agent's words that reached it, one text a segment."""
        return [segment.text for segment in self.segments()]

    def segments(self, since: int = 0) -> list[Text]:
        """Return the agent's speech that reached it: transcription streams in the agent's name.

        Args:
            since: the number of streams of `MemoryRoom.texts` that are left out.
        """
        speech = (TRANSCRIPTION_TOPIC, self._wire.agent_identity)
        return [
            text
            for text in self._wire.texts[since:]
            if (text.topic, text.sender) == speech and self.identity in text.to
        ]

    def announce(self) -> None:
        """Announce it to the agent; needed once for one that joined with ``announced=False``."""
        if self.announced:
            return
        self.announced = True
        self._wire.deliver(self._wire.agent.add_participant, self.participant)
        if self.active:
            self._emit("participant_active", self.participant)

    def activate(self) -> None:
        """Let it receive from now on; needed once for one that joined with ``active=False``."""
        if self.active:
            return
        info_of(self.participant).state = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
        self._emit("participant_active", self.participant)

    def say(self, text: str, *, attributes: Mapping[str, str] | None = None) -> str:
        """Type a message: a text stream on ``lk.chat``; return its id."""
        return self.send_text(text, topic=CHAT_TOPIC, attributes=attributes)

    def send_text(
        self, text: str, *, topic: str, attributes: Mapping[str, str] | None = None, stream_id: str | None = None
    ) -> str:
        """Send a text stream; return its id."""
        info = text_info(topic, attributes, stream_id=stream_id, size=len(text.encode()))
        self._wire.deliver(self._wire.agent.receive_text, TextReader(info, [text]), self.identity)
        return str(info.stream_id)

    def send_bytes(
        self, data: bytes, *, topic: str, name: str = "unknown", attributes: Mapping[str, str] | None = None
    ) -> None:
        """Send a byte stream."""
        info = byte_info(
            topic, attributes, stream_id=None, size=len(data), name=name, mime_type="application/octet-stream"
        )
        self._wire.deliver(self._wire.agent.receive_bytes, ByteReader(info, [data]), self.identity)

    def send_data(self, payload: object, *, topic: str = "") -> None:
        """Send a data packet: bytes and str as they are, anything else as JSON."""
        if isinstance(payload, str):
            payload = payload.encode()
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._wire.deliver(self._wire.agent.receive_data, self.identity, data, topic)

    async def perform_rpc(self, method: str, payload: str = "", *, timeout: float = RESPONSE_TIMEOUT) -> str:
        """Call a method that the agent has registered; return its answer.

        Raises:
            rtc.RpcError: the agent's own; or LiveKit's, as for a method that is not registered.
        """
        return await self._wire.call_agent(method, payload, caller=self.identity, timeout=timeout)

    def register_rpc_method(self, name: str, handler: Handler | None = None) -> Any:
        """Offer a method to the agent; without a handler it returns a decorator."""
        return self._methods.register(name, handler)

    def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Change attributes; an empty value removes its key."""
        changed = change_attributes(self.participant, attributes)
        self._emit("participant_attributes_changed", changed, self.participant)

    def update(self, *, name: str = "", metadata: str = "", attributes: Mapping[str, str] | None = None) -> None:
        """Change name, metadata and attributes, as the server's API does; empty ones stay as they are."""
        info = info_of(self.participant)
        if name and name != info.name:
            before, info.name = info.name, name
            self._emit("participant_name_changed", self.participant, before, name)
        if metadata and metadata != info.metadata:
            before, info.metadata = info.metadata, metadata
            self._emit("participant_metadata_changed", self.participant, before, metadata)
        if attributes:
            self.set_attributes(attributes)

    def leave(self, reason: Any = rtc.DisconnectReason.CLIENT_INITIATED) -> None:
        """Leave the room, or be removed from it, as `rtc.DisconnectReason` says."""
        if not self.present:
            return
        del self._wire.present[self.identity]
        if self.announced:
            self._wire.deliver(self._wire.agent.remove_participant, self.participant, reason)

    def _emit(self, event: str, *args: Any) -> None:
        """Emit an event at the agent, which knows nothing of a participant that was not announced."""
        if self.announced:
            self._wire.emit(event, *args)
