"""A LiveKit room in memory, on which an unmodified `AgentSession` runs in text.

`MemoryRoom` is the agent's own `rtc.Room`: what the agent does with it never leaves the process. Who tests the agent
stands on its other side::

    room = MemoryRoom()
    ...                                  # the agent connects: ctx.connect(), or session.start(room=room)
    caller = room.join("caller")
    caller.say("A table for two, please.")
    await room.until(lambda: caller.heard)

It behaves as the real one where that was measured to matter (livekit-server 1.13.5, livekit 1.1.21): callbacks run
later and in order, in the context in which `connect` was called; one handler a topic; who was in the room before the
agent comes without an event; words and packets of one who was not announced yet arrive all the same; what is sent
reaches those who are in the room and active, and is lost for others; who is still there when the room ends is not
reported as having left.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Mapping
from typing import Any

from livekit import rtc

from . import internals
from .caller import Caller
from .participant import AgentParticipant
from .streams import ByteReader, Packet, Text, TextReader

logger = logging.getLogger("cekura_agent_kit.rehearsal")


class MemoryRoom(rtc.Room):
    """The agent's room, in memory. Must be made while an event loop runs.

    Args:
        name: the room's name.
        sid: the room's sid.
        agent_identity: the identity with which the agent joins.
        metadata: the room's metadata.
    """

    def __init__(
        self, name: str = "rehearsal", *, sid: str = "RM_rehearsal", agent_identity: str = "agent", metadata: str = ""
    ) -> None:
        super().__init__(asyncio.get_running_loop())
        info = internals.room_info(self)
        info.name, info.sid, info.metadata = name, sid, metadata
        self.agent_identity = agent_identity
        self.agent_attributes: dict[str, str] = {}
        """The attributes with which the agent joins."""
        self.callers: list[Caller] = []
        """Everybody who ever joined, in order."""
        self.texts: list[Text] = []
        """Text streams that the agent opened, in order, whoever received them."""
        self.packets: list[Packet] = []
        """Data packets and byte streams that the agent sent, in order."""
        self.on_agent_attributes: Callable[[dict[str, str]], None] | None = None
        """Called with what the agent changes of its attributes, before its own callbacks are."""
        self._agent: AgentParticipant | None = None
        self._known: dict[str, rtc.RemoteParticipant] = {}
        self._connected = False
        self._context: contextvars.Context | None = None
        self._text_handlers: dict[str, Any] = {}
        self._byte_handlers: dict[str, Any] = {}
        self._waiting: dict[asyncio.Future[None], Callable[[], object]] = {}

    # The tester's side.

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
        """Let somebody in.

        Args:
            identity: one who is in the room with the same identity is sent out, as the server does.
            name: display name.
            kind: `rtc.ParticipantKind`.
            attributes: as set by the token.
            metadata: as set by the token.
            announced: False for one whom the server announces late (it batches those who publish no track for up to
                3 s): in the room and active, its words arrive, and the agent does not know it before
                `Caller.announce`.
            active: False for one who cannot receive yet, before `Caller.activate`.
        """
        for there in self.callers:
            if there.present and there.identity == identity:
                there.leave(rtc.DisconnectReason.DUPLICATE_IDENTITY)
        info = internals.participant_info(
            identity,
            sid=f"PA_{len(self.callers) + 1}",
            name=name,
            kind=kind,
            state=rtc.ParticipantState.PARTICIPANT_STATE_JOINED,
            metadata=metadata,
            attributes=attributes or {},
        )
        caller = Caller(self, info)
        self.callers.append(caller)
        if not announced:
            internals.info_of(caller.participant).state = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
        else:
            caller.announce()
            if active:
                caller.activate()
        return caller

    async def until(self, predicate: Callable[[], object], *, timeout: float | None = 10.0) -> None:
        """Wait until it holds; looked at again whenever something changes in the room.

        Raises:
            TimeoutError: it did not hold within ``timeout`` seconds.
        """
        if predicate():
            return
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting[future] = predicate
        try:
            async with asyncio.timeout(timeout):  # wait_for of Python 3.11 may swallow a cancellation
                await future
        finally:
            del self._waiting[future]

    async def delivered(self) -> None:
        """Wait until the agent has been told all that happened so far."""
        told = asyncio.Event()
        self._loop.call_soon(told.set)
        await told.wait()

    async def close(self, reason: Any = rtc.DisconnectReason.ROOM_DELETED) -> None:
        """End the room, as its deletion does: the agent is disconnected, and nobody is reported as having left."""
        await self.disconnect(reason=reason)

    @property
    def attributes(self) -> dict[str, str]:
        """The agent's attributes; empty before it connected."""
        return self._agent.attributes if self._agent is not None else {}

    # The agent's side: what it uses of rtc.Room.

    @property
    def local_participant(self) -> rtc.LocalParticipant:
        """The agent."""
        if self._agent is None:
            raise Exception("cannot access local participant before connecting")
        return self._agent

    @property
    def remote_participants(self) -> Mapping[str, rtc.RemoteParticipant]:
        """Those who have been announced to the agent, by identity."""
        return self._known

    @property
    def connection_state(self) -> Any:
        """Connected or disconnected."""
        states = rtc.ConnectionState
        return states.CONN_CONNECTED if self._connected else states.CONN_DISCONNECTED

    def isconnected(self) -> bool:
        """Whether the agent is in the room."""
        return self._connected

    async def connect(self, url: str, token: str, options: Any = None) -> None:
        """The agent joins. Callbacks run in the context of this call from now on."""
        self._context = contextvars.copy_context()
        self._agent = AgentParticipant(self, self.agent_identity, self.agent_attributes)
        self._connected = True
        for caller in self.callers:
            if caller.present and caller.announced:
                self._known[caller.identity] = caller.participant
        self._count()
        self._post("connection_state_changed", self.connection_state)

    async def disconnect(self, *, reason: Any = rtc.DisconnectReason.CLIENT_INITIATED) -> None:
        """The agent leaves. Its callbacks have run when this returns."""
        if not self._connected:
            return
        internals.info_of(self.local_participant).disconnect_reason = reason
        told = asyncio.Event()
        self._schedule(self._end, reason, told)
        self._connected = False
        await told.wait()

    def register_text_stream_handler(self, topic: str, handler: Any) -> None:
        """Read text streams of that topic; one handler a topic."""
        if topic in self._text_handlers:
            raise ValueError(f"text stream handler for topic '{topic}' already set")
        self._text_handlers[topic] = handler

    def unregister_text_stream_handler(self, topic: str) -> None:
        """Read them no more."""
        self._text_handlers.pop(topic, None)

    def register_byte_stream_handler(self, topic: str, handler: Any) -> None:
        """Read byte streams of that topic; one handler a topic."""
        if topic in self._byte_handlers:
            raise ValueError(f"byte stream handler for topic '{topic}' already set")
        self._byte_handlers[topic] = handler

    def unregister_byte_stream_handler(self, topic: str) -> None:
        """Read them no more."""
        self._byte_handlers.pop(topic, None)

    # Between the two.

    def receivers(self, addressed: list[str] | None) -> frozenset[str]:
        """Identities of those who get what the agent sends now."""
        there = frozenset(caller.identity for caller in self.callers if caller.active)
        return there & frozenset(addressed) if addressed else there

    def changed(self) -> None:
        """Look again at what `until` waits for."""
        for future, predicate in list(self._waiting.items()):
            if not future.done() and predicate():
                future.set_result(None)

    def _count(self) -> None:
        there = sum(caller.present for caller in self.callers)
        internals.room_info(self).num_participants = there + self._connected

    def _announce(self, caller: Caller) -> None:
        self._count()
        self._schedule(self._introduce, caller.participant)
        if caller.active:
            self._post("participant_active", caller.participant)

    def _introduce(self, participant: rtc.RemoteParticipant) -> None:
        self._known[participant.identity] = participant
        self.emit("participant_connected", participant)

    def _remove(self, caller: Caller, reason: Any) -> None:
        self._count()
        if caller.announced:
            self._schedule(self._dismiss, caller.participant, reason)

    def _dismiss(self, participant: rtc.RemoteParticipant, reason: Any) -> None:
        self._known.pop(participant.identity, None)
        internals.info_of(participant).disconnect_reason = reason
        self.emit("participant_disconnected", participant)

    def _end(self, reason: Any, told: asyncio.Event) -> None:
        try:
            self.emit("connection_state_changed", self.connection_state)
            self.emit("disconnected", reason)
        finally:
            told.set()

    def _hand_over_text(self, reader: TextReader, identity: str) -> None:
        self._hand_over(self._text_handlers, reader, identity)

    def _hand_over_bytes(self, reader: ByteReader, identity: str) -> None:
        self._hand_over(self._byte_handlers, reader, identity)

    def _hand_over(self, handlers: dict[str, Any], reader: TextReader | ByteReader, identity: str) -> None:
        handler = handlers.get(reader.info.topic)
        if handler is None:
            logger.info("a stream on topic %r has no handler and is ignored", reader.info.topic)
            return
        handler(reader, identity)

    def _receive(self, identity: str, data: bytes, topic: str) -> None:
        self.emit("data_received", internals.data_packet(data, self._known.get(identity), topic))

    def _post(self, event: Any, *args: Any) -> None:
        # Most events have no callback, and three of each turn are changes of the agent's state.
        if internals.is_listened_to(self, event):
            self._schedule(self.emit, event, *args)
        else:
            self.changed()

    def _schedule(self, callback: Callable[..., object], *args: Any) -> None:
        """Run it soon, in order, in the context of `connect`; drop it while the agent is not in the room."""
        if not self._connected:
            logger.debug("the agent is not in the room: %s is dropped", callback.__name__)
            return
        self._loop.call_soon(self._run, callback, args, context=self._context)

    def _run(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            callback(*args)
        except Exception:
            logger.exception("a callback of the room failed")
        self.changed()
