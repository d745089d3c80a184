"""The agent's own participant in a room in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from livekit import rtc

from ..internals.rtc import change_attributes, info_of, init_local_participant, local_publication, participant_info
from .rpc import RESPONSE_TIMEOUT, Handler, refusal
from .streams import ByteStream, ByteWriter, Packet, Text, TextWriter, byte_info, text_info
from .wire import Wire


class AgentParticipant(rtc.LocalParticipant):
    """The part of `rtc.LocalParticipant` that agents use.

    Args:
        wire: receives what the agent sends.
        name, metadata, attributes: those with which the agent joins.
        on_attributes: called with what the agent changes of its attributes, before its own callbacks are.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        name: str,
        metadata: str,
        attributes: Mapping[str, str],
        on_attributes: Callable[[dict[str, str]], None] | None,
    ) -> None:
        info = participant_info(
            wire.agent_identity,
            sid="PA_agent",
            name=name,
            kind=rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
            state=rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE,
            metadata=metadata,
            attributes=attributes,
        )
        init_local_participant(self, info)
        self._wire = wire
        # The SDK's name: the wrapper asks there what an entrypoint has registered.
        self._rpc_handlers = wire.agent_methods.handlers
        self._on_attributes = on_attributes
        self._published: dict[str, rtc.LocalTrackPublication] = {}

    @property
    def track_publications(self) -> dict[str, rtc.LocalTrackPublication]:
        """The published tracks, by sid; nobody hears them."""
        return self._published

    async def set_attributes(self, attributes: dict[str, str]) -> None:
        """Change attributes; an empty value removes its key."""
        changed = change_attributes(self, attributes)
        if self._on_attributes is not None:
            self._on_attributes(changed)
        self._wire.emit("participant_attributes_changed", changed, self)

    async def set_metadata(self, metadata: str) -> None:
        """Change the metadata."""
        info = info_of(self)
        before, info.metadata = info.metadata, metadata
        self._wire.emit("participant_metadata_changed", self, before, metadata)

    async def set_name(self, name: str) -> None:
        """Change the display name."""
        info = info_of(self)
        before, info.name = info.name, name
        self._wire.emit("participant_name_changed", self, before, name)

    async def stream_text(
        self,
        *,
        destination_identities: list[str] | None = None,
        topic: str = "",
        attributes: dict[str, str] | None = None,
        stream_id: str | None = None,
        reply_to_id: str | None = None,
        total_size: int | None = None,
        sender_identity: str | None = None,
    ) -> TextWriter:
        """Open a text stream."""
        self._check_connected()
        text = Text(
            topic=topic,
            sender=sender_identity or self.identity,
            to=self._wire.receivers(destination_identities),
            attributes=dict(attributes or {}),
        )
        self._wire.texts.append(text)
        info = text_info(topic, attributes, stream_id=stream_id, size=total_size or 0)
        return TextWriter(info, text, self._wire.changed)

    async def send_text(
        self,
        text: str,
        *,
        destination_identities: list[str] | None = None,
        topic: str = "",
        attributes: dict[str, str] | None = None,
        reply_to_id: str | None = None,
        **_: Any,
    ) -> Any:
        """Send a whole text stream."""
        writer = await self.stream_text(
            destination_identities=destination_identities,
            topic=topic,
            attributes=attributes,
            total_size=len(text.encode()),
        )
        await writer.write(text)
        await writer.aclose()
        return writer.info

    async def stream_bytes(
        self,
        name: str,
        *,
        total_size: int | None = None,
        mime_type: str = "application/octet-stream",
        attributes: dict[str, str] | None = None,
        stream_id: str | None = None,
        destination_identities: list[str] | None = None,
        topic: str = "",
    ) -> ByteWriter:
        """Open a byte stream."""
        self._check_connected()
        stream = ByteStream(
            topic=topic,
            name=name,
            to=self._wire.receivers(destination_identities),
            attributes=dict(attributes or {}),
        )
        self._wire.byte_streams.append(stream)
        info = byte_info(topic, attributes, stream_id=stream_id, size=total_size or 0, name=name, mime_type=mime_type)
        return ByteWriter(info, stream, self._wire.changed)

    async def send_bytes(
        self,
        data: bytes,
        *,
        topic: str = "",
        name: str | None = None,
        mime_type: str | None = None,
        destination_identities: list[str] | None = None,
        attributes: dict[str, str] | None = None,
        stream_id: str | None = None,
        **_: Any,
    ) -> Any:
        """Send a whole byte stream."""
        writer = await self.stream_bytes(
            name or "unknown",
            total_size=len(data),
            mime_type=mime_type or "application/octet-stream",
            attributes=attributes,
            stream_id=stream_id,
            destination_identities=destination_identities,
            topic=topic,
        )
        await writer.write(data)
        await writer.aclose()
        return writer.info

    async def send_file(self, file_path: str, **options: Any) -> Any:
        """Send a file as a byte stream."""
        path = Path(file_path)
        return await self.send_bytes(path.read_bytes(), name=path.name, **options)  # noqa: ASYNC240

    async def publish_data(
        self,
        payload: bytes | str,
        *,
        reliable: bool = True,
        destination_identities: list[str] | None = None,
        topic: str = "",
    ) -> None:
        """Send a data packet."""
        self._check_connected()
        data = payload.encode() if isinstance(payload, str) else payload
        self._wire.packets.append(Packet(topic=topic, payload=data, to=self._wire.receivers(destination_identities)))
        self._wire.changed()

    async def publish_track(self, track: Any, options: Any = None) -> rtc.LocalTrackPublication:
        """Publish a track; nobody hears it."""
        self._check_connected()
        publication = local_publication(track, f"TR_{len(self._published) + 1}")
        self._published[publication.sid] = publication
        self._wire.emit("local_track_published", publication, track)
        return publication

    async def unpublish_track(self, track_sid: str) -> None:
        """Unpublish a track."""
        publication = self._published.pop(track_sid)
        self._wire.emit("local_track_unpublished", publication)

    async def publish_dtmf(self, *, code: int, digit: str) -> None:
        """Send a DTMF tone: a packet on topic ``dtmf``."""
        await self.publish_data(digit, topic="dtmf")

    async def publish_transcription(self, transcription: Any) -> None:
        """Do nothing: the transcription of clients that know no text streams, of which none is here."""

    async def perform_rpc(
        self,
        *,
        destination_identity: str,
        method: str,
        payload: str,
        response_timeout: float | None = None,
        **_: Any,
    ) -> str:
        """Call a method of a caller's; return its answer."""
        if destination_identity not in self._wire.present:
            raise refusal(rtc.RpcError.ErrorCode.CONNECTION_TIMEOUT)
        return await self._wire.caller_methods[destination_identity].answer(
            method, payload, caller=self.identity, timeout=response_timeout or RESPONSE_TIMEOUT
        )

    def register_rpc_method(self, method_name: str, handler: Handler | None = None) -> Any:
        """Offer a method to callers; without a handler it returns a decorator."""
        return self._wire.agent_methods.register(method_name, handler)

    def unregister_rpc_method(self, method: str) -> None:
        """Offer a method no longer."""
        self._wire.agent_methods.unregister(method)

    def set_track_subscription_permissions(self, **_: Any) -> None:
        """Do nothing: nobody subscribes."""

    def _check_connected(self) -> None:
        if not self._wire.connected:
            raise ConnectionError("the room is not connected")
