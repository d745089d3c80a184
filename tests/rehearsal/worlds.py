"""The same room twice, in memory and on a real livekit-server, behind one small surface, so that one test runs on both.

The agent's side is `World.room`, an `rtc.Room`; the other side is a `Guest`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from livekit import api, rtc

from cekura_agent_kit.rehearsal.internals.api import install, use_server
from cekura_agent_kit.rehearsal.room.caller import Caller
from cekura_agent_kit.rehearsal.room.room import MemoryRoom
from cekura_agent_kit.rehearsal.room.server_api import MemoryServer
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

PATIENCE = 20.0


async def eventually(predicate: Callable[[], object], *, timeout: float = PATIENCE, pause: float = 0.005) -> None:
    deadline = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(pause)


def record(room: rtc.Room, *events: Any) -> list[tuple[Any, ...]]:
    """(event, arguments …) of a room's events, in order; it grows."""
    seen: list[tuple[Any, ...]] = []

    def listener(event: str) -> Callable[..., None]:
        return lambda *args: seen.append((event, *args))

    for event in events:
        room.on(event, listener(event))
    return seen


def record_texts(room: rtc.Room, topic: str) -> list[tuple[str, str]]:
    """(identity, text) in the order in which the streams were opened."""
    seen: list[tuple[str, str]] = []

    def on_stream(reader: rtc.TextStreamReader, identity: str) -> None:
        place = len(seen)
        seen.append((identity, "…"))

        async def read() -> None:
            seen[place] = (identity, await reader.read_all())

        tasks.append(asyncio.create_task(read()))

    tasks: list[asyncio.Task[None]] = []
    room.register_text_stream_handler(topic, on_stream)
    return seen


class Guest(Protocol):
    @property
    def texts(self) -> list[tuple[str, str, str]]:
        """Texts that reached it: (topic, sender, whole text) of streams that have ended."""

    @property
    def packets(self) -> list[tuple[str, bytes]]: ...
    @property
    def byte_streams(self) -> list[tuple[str, bytes]]:
        """Byte streams that reached it and have ended, on the topic ``x``."""

    async def send_text(self, text: str, topic: str) -> None: ...
    async def send_data(self, data: bytes, topic: str) -> None: ...
    async def set_attributes(self, attributes: dict[str, str]) -> None: ...
    async def leave(self) -> None: ...
    async def perform_rpc(self, method: str, payload: str, timeout: float) -> str: ...
    def register_rpc_method(self, name: str, handler: Any) -> object: ...


class World(Protocol):
    @property
    def room(self) -> rtc.Room: ...

    async def connect(self) -> None:
        """The agent joins."""

    async def join(self, identity: str, *, announced: bool = True) -> Guest: ...
    async def announce(self, identity: str) -> None: ...
    async def end(self) -> None:
        """The room is deleted."""

    def api(self) -> AbstractAsyncContextManager[api.LiveKitAPI]:
        """LiveKit's server API, as the agent uses it."""
        ...

    async def close(self) -> None: ...


class MemoryGuest:
    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    @property
    def texts(self) -> list[tuple[str, str, str]]:
        return [(text.topic, text.sender, text.text) for text in self.caller.texts if text.closed]

    @property
    def packets(self) -> list[tuple[str, bytes]]:
        return [(packet.topic, packet.payload) for packet in self.caller.packets]

    @property
    def byte_streams(self) -> list[tuple[str, bytes]]:
        return [(stream.topic, stream.payload) for stream in self.caller.byte_streams if stream.closed]

    async def send_text(self, text: str, topic: str) -> None:
        self.caller.send_text(text, topic=topic)

    async def send_data(self, data: bytes, topic: str) -> None:
        self.caller.send_data(data, topic=topic)

    async def set_attributes(self, attributes: dict[str, str]) -> None:
        self.caller.set_attributes(attributes)

    async def leave(self) -> None:
        self.caller.leave()

    async def perform_rpc(self, method: str, payload: str, timeout: float) -> str:
        return await self.caller.perform_rpc(method, payload, timeout=timeout)

    def register_rpc_method(self, name: str, handler: Any) -> object:
        return self.caller.register_rpc_method(name, handler)


class MemoryWorld:
    def __init__(self) -> None:
        self.room: MemoryRoom = MemoryRoom("the-room")
        self.server = MemoryServer(self.room)
        self.guests: dict[str, MemoryGuest] = {}

    async def connect(self) -> None:
        await self.room.connect("", "")

    async def join(self, identity: str, *, announced: bool = True) -> MemoryGuest:
        guest = self.guests[identity] = MemoryGuest(self.room.join(identity, announced=announced))
        await self._known(identity, announced)
        return guest

    async def announce(self, identity: str) -> None:
        self.guests[identity].caller.announce()
        await self._known(identity, True)

    async def _known(self, identity: str, announced: bool) -> None:
        if announced and self.room.isconnected():
            await eventually(lambda: identity in self.room.remote_participants)

    async def end(self) -> None:
        await self.room.close()

    @asynccontextmanager
    async def api(self) -> AsyncIterator[api.LiveKitAPI]:
        install()
        use_server(self.server)
        async with api.LiveKitAPI("ws://nowhere.invalid", "key", "a secret of thirty-two characters") as livekit:
            yield livekit

    async def close(self) -> None:
        await self.room.disconnect()


class ServerGuest:
    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.texts: list[tuple[str, str, str]] = []
        self.packets: list[tuple[str, bytes]] = []
        self.byte_streams: list[tuple[str, bytes]] = []
        self._reading: set[asyncio.Task[None]] = set()
        for topic in ("lk.transcription", "notes"):
            room.register_text_stream_handler(topic, self._on_stream)
        room.register_byte_stream_handler("x", self._on_bytes)
        room.on("data_received", self._on_data)

    def _on_data(self, packet: rtc.DataPacket) -> None:
        self.packets.append((packet.topic or "", packet.data))

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        async def read() -> None:
            self.texts.append((reader.info.topic, identity, await reader.read_all()))

        self._start(read())

    def _on_bytes(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        async def read() -> None:
            self.byte_streams.append((reader.info.topic, b"".join([chunk async for chunk in reader])))

        self._start(read())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def send_text(self, text: str, topic: str) -> None:
        await self.room.local_participant.send_text(text, topic=topic)

    async def send_data(self, data: bytes, topic: str) -> None:
        await self.room.local_participant.publish_data(data, topic=topic)

    async def set_attributes(self, attributes: dict[str, str]) -> None:
        await self.room.local_participant.set_attributes(attributes)

    async def leave(self) -> None:
        await self.room.disconnect()

    async def perform_rpc(self, method: str, payload: str, timeout: float) -> str:
        return await self.room.local_participant.perform_rpc(
            destination_identity="agent", method=method, payload=payload, response_timeout=timeout
        )

    def register_rpc_method(self, name: str, handler: Any) -> object:
        return self.room.local_participant.register_rpc_method(name, handler)


class ServerWorld:
    def __init__(self, server: LiveKitServer) -> None:
        self.server = server
        self.name = f"room-{uuid.uuid4().hex}"
        self.room = rtc.Room()
        self.guests: dict[str, ServerGuest] = {}

    def token(self, identity: str, kind: str) -> str:
        grants = api.VideoGrants(room_join=True, room=self.name, agent=kind == "agent", can_update_own_metadata=True)
        token = api.AccessToken(self.server.api_key, self.server.api_secret).with_identity(identity)
        return token.with_kind(kind).with_grants(grants).to_jwt()  # type: ignore[arg-type]

    async def connect(self) -> None:
        await self.room.connect(self.server.url, self.token("agent", "agent"))

    async def join(self, identity: str, *, announced: bool = True) -> ServerGuest:
        room = rtc.Room()
        guest = self.guests[identity] = ServerGuest(room)
        await room.connect(self.server.url, self.token(identity, "standard"))
        if announced:
            await self.announce(identity)
        return guest

    async def announce(self, identity: str) -> None:
        """As the trigger does: an attribute update, as soon as it is active."""
        async with self.api() as livekit:
            deadline = time.monotonic() + PATIENCE
            while True:
                listed = await livekit.room.list_participants(api.ListParticipantsRequest(room=self.name))
                states = {each.identity: each.state for each in listed.participants}
                if states.get(identity) == api.ParticipantInfo.State.ACTIVE:
                    break
                assert time.monotonic() < deadline
            await livekit.room.update_participant(
                api.UpdateParticipantRequest(room=self.name, identity=identity, attributes={"announced": "1"})
            )
        if self.room.isconnected():
            await eventually(lambda: identity in self.room.remote_participants)

    async def end(self) -> None:
        async with self.api() as livekit:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=self.name))

    def api(self) -> api.LiveKitAPI:
        url = self.server.url.replace("ws", "http", 1)
        return api.LiveKitAPI(url, self.server.api_key, self.server.api_secret)

    async def close(self) -> None:
        for guest in self.guests.values():
            await guest.room.disconnect()
        await self.room.disconnect()
