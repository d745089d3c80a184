"""A room of a real server, with an agent in it whose answers a test defines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from livekit import api, rtc

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

from .cekura_requests import entry, token

Answer = Callable[[rtc.Room, str], Awaitable[None]]


async def send(room: rtc.Room, text: str) -> None:
    """Send the text like an agent: in two chunks of one stream."""
    writer = await room.local_participant.stream_text(topic="lk.transcription")
    await writer.write(text[: len(text) // 2])
    await writer.write(text[len(text) // 2 :])
    await writer.aclose()


class AgentRoom:
    """A room of a real server.

    Attributes:
        heard: the caller's messages to the agent.
        data: data packets to the agent.
    """

    def __init__(self, server: LiveKitServer) -> None:
        self.server = server
        self.name = f"room-{uuid4().hex[:8]}"
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.data: asyncio.Queue[bytes] = asyncio.Queue()

    def entry(self, scenario_id: int = 30, **changes: Any) -> dict[str, Any]:
        invitation = {"livekit_room_url": self.server.url, "access_token": token(self.name, server=self.server)}
        return entry(scenario_id, **(invitation | changes))

    @asynccontextmanager
    async def agent(self, answer: Answer, *, greeting: str = "") -> AsyncIterator[rtc.Room]:
        """Let an agent join that greets each participant, and calls ``answer`` for each message."""
        room = rtc.Room()
        tasks: set[asyncio.Task[None]] = set()

        def go(coroutine: Any) -> None:
            task = asyncio.create_task(coroutine)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async def on_chat(reader: rtc.TextStreamReader) -> None:
            text = await reader.read_all()
            self.heard.put_nowait(text)
            await answer(room, text)

        room.register_text_stream_handler("lk.chat", lambda reader, _: go(on_chat(reader)))
        room.on("data_received", lambda packet: self.data.put_nowait(packet.data))
        if greeting:
            room.on("participant_active", lambda _: go(send(room, greeting)))
        grants = api.VideoGrants(room_join=True, room=self.name, agent=True)
        made = api.AccessToken(self.server.api_key, self.server.api_secret).with_identity("agent").with_kind("agent")
        await room.connect(self.server.url, made.with_grants(grants).to_jwt())
        try:
            yield room
        finally:
            await room.disconnect()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def people(self) -> set[str]:
        async with api.LiveKitAPI(self.server.url, self.server.api_key, self.server.api_secret) as livekit:
            there = await livekit.room.list_participants(api.ListParticipantsRequest(room=self.name))
        return {each.identity for each in there.participants}
