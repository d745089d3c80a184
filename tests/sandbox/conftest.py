"""A client with the right key, tokens, and an agent of few words in a real room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from livekit import api, rtc

from cekura_agent_kit.sandbox.cekura.runs import RunTiming
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import KEY_HEADER, CekuraService
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

QUICK = RunTiming(queue=0.001, scoring=0.001)
V1 = "/test_framework/v1"
V2 = "/test_framework/v2"
CHAT = f"{V1}/scenarios-external/run_scenarios_livekit_chat/"
VOICE = f"{V1}/scenarios-external/run_scenarios_livekit/"

Answer = Callable[[rtc.Room, str], Awaitable[None]]


def scenario(*talk: dict[str, str], patience: float = 60, **rest: Any) -> Scenario:
    return Scenario.model_validate({"name": "A talk", "talk": talk, "patience": patience, **rest})


def token(room: str = "somewhere", *, server: LiveKitServer | None = None, identity: str = "evaluator") -> str:
    key, secret = (server.api_key, server.api_secret) if server else ("key", "s" * 32)
    grants = api.VideoGrants(room_join=True, room=room)
    made = api.AccessToken(key, secret).with_identity(identity).with_grants(grants)
    return made.with_ttl(timedelta(minutes=5)).to_jwt()


def entry(scenario_id: int = 30, **changes: Any) -> dict[str, Any]:
    """One element of ``scenarios`` of a start; a change to None takes the field away."""
    made = {"scenario": scenario_id, "livekit_room_url": "wss://rooms.example", "access_token": token()} | changes
    return {name: value for name, value in made.items() if value is not None}


@asynccontextmanager
async def client_of(service: CekuraService) -> AsyncIterator[httpx.AsyncClient]:
    headers = {KEY_HEADER: service.api_key}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


async def final(client: httpx.AsyncClient, run_id: int) -> dict[str, Any]:
    """The run, once its status is final."""
    async with asyncio.timeout(60):
        while True:
            run: dict[str, Any] = (await client.get(f"{V2}/runs/{run_id}/")).json()
            if run["status"] in {"completed", "failed", "timeout", "cancelled"}:
                return run
            await asyncio.sleep(0.01)


async def send(room: rtc.Room, text: str) -> None:
    """Say it as an agent does: in two chunks of one stream."""
    writer = await room.local_participant.stream_text(topic="lk.transcription")
    await writer.write(text[: len(text) // 2])
    await writer.write(text[len(text) // 2 :])
    await writer.aclose()


class Place:
    """A room of a real server, with an agent of few words in it."""

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
        """An agent that greets whoever comes, and answers each message with what ``answer`` does."""
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


@pytest.fixture
def place(livekit_server: LiveKitServer) -> Place:
    return Place(livekit_server)
