"""A LiveKit room in memory, on which an unmodified `AgentSession` runs in text.

`MemoryRoom` is the agent's own `rtc.Room`: what the agent does with it never leaves the process. A test lets callers in
and reads what the agent sent::

    room = MemoryRoom()
    ...                                  # the agent connects: ctx.connect(), or session.start(room=room)
    caller = room.join("caller")
    caller.say("A table for two, please.")
    await room.until(lambda: caller.heard)

It behaves as the real one where that was measured to matter (livekit-server 1.13.5, livekit 1.1.21): callbacks run
later and in order, in the context in which `connect` was called; one handler a topic; those who were in the room before
the agent are announced without an event; words and packets of a participant that is not announced yet arrive all the
same; what is sent reaches those who are in the room and active, and is lost for others; those who are still in the room
when it ends are not reported as having left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from livekit import rtc

from ..internals.rtc import data_packet, has_listeners, info_of, participant_info, room_info
from .caller import Caller
from .participant import AgentParticipant
from .streams import ByteReader, ByteStream, Packet, Text, TextReader
from .wire import Wire

logger = logging.getLogger("cekura_agent_kit.rehearsal")


class MemoryRoom(rtc.Room):
    """The agent's room, in memory. Must be made while an event loop runs.

    Args:
        name: the room's name.
        sid: the room's sid.
        agent_identity: the identity with which the agent joins.
        metadata: the room's metadata; as in a real room, the agent reads it in `room.metadata` once it is connected.
        on_attributes: called with what the agent changes of its attributes, before its own callbacks are.

    Attributes:
        stored_metadata: the room's metadata on the server, also before the agent is connected.
        callers: everybody who ever joined, in order.
        texts: text streams that the agent opened, in order, whoever received them.
        byte_streams: byte streams that the agent opened, in order, whoever received them.
        packets: data packets that the agent sent, in order, whoever received them.
    """

    def __init__(
        self,
        name: str = "rehearsal",
        *,
        sid: str = "RM_rehearsal",
        agent_identity: str = "agent",
        metadata: str = "",
        on_attributes: Callable[[dict[str, str]], None] | None = None,
    ) -> None:
        super().__init__(asyncio.get_running_loop())
        info = room_info(self)
        info.name, info.sid = name, sid
        self.stored_metadata = metadata
        self._joining: dict[str, Any] = {"name": "", "metadata": "", "attributes": {}}
        self.callers: list[Caller] = []
        self._wire = Wire(self, agent_identity)
        self.texts: list[Text] = self._wire.texts
        self.byte_streams: list[ByteStream] = self._wire.byte_streams
        self.packets: list[Packet] = self._wire.packets
        self._on_attributes = on_attributes
        self._agent: AgentParticipant | None = None
        self._known: dict[str, rtc.RemoteParticipant] = {}
        self._text_stream_handlers: dict[str, Any] = {}
        self._byte_stream_handlers: dict[str, Any] = {}

    # For a test.

    def join(
        self,
        identity: str = "caller",
        *,
        name: str = "",
        kind: Any = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
        attributes: Mapping[str, str] | None = None,
        metadata: str = "",
        announced: bool = True,
        active: bool = True,
    ) -> Caller:
        """Let a participant join.

        Args:
            identity: a participant with the same identity is removed, as the server does.
            name: display name.
            kind: `rtc.ParticipantKind`.
            attributes: as set by the token.
            metadata: as set by the token.
            announced: False for one whom the server announces late (it batches those who publish no track for up to
                3 s): in the room and active, its words arrive, and the agent does not know it before
                `Caller.announce`.
            active: False for one who cannot receive yet, before `Caller.activate`.
        """
        for each in self.callers:
            if each.present and each.identity == identity:
                each.leave(rtc.DisconnectReason.DUPLICATE_IDENTITY)
        states = rtc.ParticipantState
        info = participant_info(
            identity,
            sid=f"PA_{len(self.callers) + 1}",
            name=name,
            kind=kind,
            state=states.PARTICIPANT_STATE_JOINED if announced else states.PARTICIPANT_STATE_ACTIVE,
            metadata=metadata,
            attributes=attributes or {},
        )
        caller = Caller(self._wire, info)
        self.callers.append(caller)
        if announced:
            caller.announce()
            if active:
                caller.activate()
        return caller

    def expect_agent(
        self, *, identity: str, name: str = "", metadata: str = "", attributes: Mapping[str, str] | None = None
    ) -> None:
        """Set what the agent joins with, as its token does."""
        self._wire.agent_identity = identity
        self._joining = {"name": name, "metadata": metadata, "attributes": attributes or {}}

    async def until(self, predicate: Callable[[], object], *, timeout: float | None = 10.0) -> None:
        """Wait until the predicate is true; it is asked again whenever something changes in the room.

        Raises:
            TimeoutError: it was not true within ``timeout`` seconds.
        """
        await self._wire.until(predicate, timeout=timeout)

    async def delivered(self) -> None:
        """Wait until all that was sent to the agent so far has been delivered."""
        await self._wire.delivered()

    def changed(self) -> None:
        """Ask again what `until` waits for; for a change that is not the room's own."""
        self._wire.changed()

    async def close(self, reason: Any = rtc.DisconnectReason.ROOM_DELETED) -> None:
        """End the room, as its deletion does: all are disconnected, and nobody is reported as having left."""
        # The agent's own disconnect may have been replaced, to wait for its last words: a server waits for nothing.
        await MemoryRoom.disconnect(self, reason=reason)
        for caller in self.callers:
            caller.leave(reason)

    def set_metadata(self, metadata: str) -> None:
        """Change the room's metadata, as the server does."""
        before, self.stored_metadata = self.stored_metadata, metadata
        if self._wire.connected:
            room_info(self).metadata = metadata
            self._wire.emit("room_metadata_changed", before, metadata)

    def send_data(self, data: bytes, *, topic: str = "", identities: Sequence[str] = ()) -> None:
        """Send a data packet to everybody, or to some, as the server does; it has no sender."""
        if not identities or self.agent_identity in identities:
            self._wire.deliver(self.receive_data, "", data, topic)
        self.packets.append(Packet(topic=topic, payload=data, to=self._wire.receivers(list(identities))))
        self.changed()

    @property
    def attributes(self) -> dict[str, str]:
        """The agent's attributes; empty before it connected."""
        return self._agent.attributes if self._agent is not None else {}

    @property
    def agent_identity(self) -> str:
        """The identity with which the agent joins."""
        return self._wire.agent_identity

    # The agent's side: what it uses of rtc.Room.

    @property
    def local_participant(self) -> rtc.LocalParticipant:
        """The agent."""
        if self._agent is None:
            raise Exception("cannot access local participant before connecting")
        return self._agent

    @property
    def remote_participants(self) -> Mapping[str, rtc.RemoteParticipant]:
        """The participants that were announced to the agent, by identity."""
        return self._known

    @property
    def num_participants(self) -> int:
        """The number of participants in the room."""
        return len(self._wire.present) + self._wire.connected

    @property
    def connection_state(self) -> Any:
        """Connected or disconnected."""
        states = rtc.ConnectionState
        return states.CONN_CONNECTED if self._wire.connected else states.CONN_DISCONNECTED

    def isconnected(self) -> bool:
        """Return whether the agent is in the room."""
        return self._wire.connected

    async def connect(self, url: str, token: str, options: Any = None) -> None:
        """Let the agent join. Callbacks run in the context of this call from now on."""
        self._agent = AgentParticipant(self._wire, **self._joining, on_attributes=self._on_attributes)
        room_info(self).metadata = self.stored_metadata
        self._wire.connect()
        for caller in self.callers:
            if caller.present and caller.announced:
                self._known[caller.identity] = caller.participant
        self._wire.emit("connection_state_changed", self.connection_state)

    async def disconnect(self, *, reason: Any = rtc.DisconnectReason.CLIENT_INITIATED) -> None:
        """Let the agent leave. Its callbacks have run when this returns."""
        if not self._wire.connected:
            return
        info_of(self.local_participant).disconnect_reason = reason
        ended = asyncio.Event()
        self._wire.deliver(self._end, reason, ended)
        self._wire.disconnect()
        await ended.wait()

    def register_text_stream_handler(self, topic: str, handler: Any) -> None:
        """Set the handler of text streams of a topic; there may be one."""
        if topic in self._text_stream_handlers:
            raise ValueError(f"text stream handler for topic '{topic}' already set")
        self._text_stream_handlers[topic] = handler

    def unregister_text_stream_handler(self, topic: str) -> None:
        """Remove the handler."""
        self._text_stream_handlers.pop(topic, None)

    def register_byte_stream_handler(self, topic: str, handler: Any) -> None:
        """Set the handler of byte streams of a topic; there may be one."""
        if topic in self._byte_stream_handlers:
            raise ValueError(f"byte stream handler for topic '{topic}' already set")
        self._byte_stream_handlers[topic] = handler

    def unregister_byte_stream_handler(self, topic: str) -> None:
        """Remove the handler."""
        self._byte_stream_handlers.pop(topic, None)

    # What the wire delivers (`wire.AgentSide`).

    def has_listeners(self, event: str) -> bool:
        """See `AgentSide.has_listeners`."""
        return has_listeners(self, event)

    def add_participant(self, participant: rtc.RemoteParticipant) -> None:
        """See `AgentSide.add_participant`."""
        self._known[participant.identity] = participant
        self.emit("participant_connected", participant)

    def remove_participant(self, participant: rtc.RemoteParticipant, reason: Any) -> None:
        """See `AgentSide.remove_participant`."""
        self._known.pop(participant.identity, None)
        info_of(participant).disconnect_reason = reason
        self.emit("participant_disconnected", participant)

    def receive_text(self, reader: TextReader, identity: str) -> None:
        """See `AgentSide.receive_text`."""
        _handle(self._text_stream_handlers, reader, identity)

    def receive_bytes(self, reader: ByteReader, identity: str) -> None:
        """See `AgentSide.receive_bytes`."""
        _handle(self._byte_stream_handlers, reader, identity)

    def receive_data(self, identity: str, data: bytes, topic: str) -> None:
        """See `AgentSide.receive_data`."""
        self.emit("data_received", data_packet(data, self._known.get(identity), topic))

    def _end(self, reason: Any, ended: asyncio.Event) -> None:
        try:
            self.emit("connection_state_changed", self.connection_state)
            self.emit("disconnected", reason)
        finally:
            ended.set()


def _handle(handlers: dict[str, Any], reader: TextReader | ByteReader, identity: str) -> None:
    handler = handlers.get(reader.info.topic)
    if handler is None:
        logger.info("a stream on topic %r has no handler and is ignored", reader.info.topic)
        return
    handler(reader, identity)
