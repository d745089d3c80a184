"""The evaluator in real rooms of a real server, with an agent of few words."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from livekit import rtc

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.reads import V2
from cekura_agent_kit.sandbox.cekura.runs import RunTiming
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

from .agent_room import AgentRoom, send
from .cekura_requests import CHAT, QUICK, client_of, entry, final, scenario

pytestmark = pytest.mark.server

SCENARIOS = {
    30: scenario({"hear": "welcome"}, {"say": "A table", "hear": "is booked"}, {"say": "Bye"}),
    31: scenario({"say": "A table", "hear": "booked"}),
    32: scenario({"say": "A table", "hear": "never said"}, patience=1),
    33: scenario({"say": "A table", "hear": "booked"}, patience=120),
    34: scenario({"hear": "welcome"}),
    35: scenario({"say": "A table", "hear": "it is booked"}, patience=20),
}


async def books(room: rtc.Room, text: str) -> None:
    """Answer in several streams, like an agent with tools."""
    if text == "A table":
        await send(room, "One moment.")
        await send(room, "It is")
        await send(room, "booked.")
    else:
        await send(room, "Goodbye.")


async def says_nothing(_room: rtc.Room, _text: str) -> None: ...


@pytest.fixture
async def service() -> AsyncIterator[CekuraService]:
    async with CekuraService(SCENARIOS, timing=QUICK) as service:
        yield service


@pytest.fixture
async def client(service: CekuraService) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service) as client:
        yield client


async def start(client: httpx.AsyncClient, *entries: dict[str, Any]) -> list[int]:
    reply = await client.post(CHAT, json={"scenarios": entries})
    assert reply.status_code == 201, reply.text
    return [run["id"] for run in reply.json()["runs"]]


async def until_evaluator(agent_room: AgentRoom, *, there: bool = True) -> None:
    async with asyncio.timeout(30):
        while ("evaluator" in await agent_room.people()) is not there:  # noqa: ASYNC110 - the server is asked
            await asyncio.sleep(0.02)


async def test_a_conversation_passes_and_is_in_the_transcript(agent_room: AgentRoom, client: httpx.AsyncClient) -> None:
    async with agent_room.agent(books, greeting="Welcome!"):
        (run_id,) = await start(client, agent_room.entry(30))
        run = await final(client, run_id)
        assert (run["status"], run["success"]) == ("completed", True), run
        said = [(line["role"], line["content"]) for line in run["transcript_object"]]
        assert said[:6] == [
            ("Main Agent", "Welcome!"),
            ("Testing Agent", "A table"),
            ("Main Agent", "One moment."),
            ("Main Agent", "It is"),
            ("Main Agent", "booked."),
            ("Testing Agent", "Bye"),
        ]
        times = [line["start_time"] for line in run["transcript_object"]]
        assert times == sorted(times)
        assert all(line["end_time"] >= line["start_time"] for line in run["transcript_object"])
        assert run["transcript"].splitlines()[1].endswith("Testing Agent: A table")
        assert run["expected_outcome"]["explanation"] == ["Heard 'welcome'.", "Heard 'is booked'."]
        await until_evaluator(agent_room, there=False)


async def test_the_evaluator_speaks_before_an_agent_is_there(agent_room: AgentRoom, client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        (run_id,) = await start(client, agent_room.entry(31))
        transcript: list[dict[str, Any]] = []
        while not transcript:
            transcript = (await client.get(f"{V2}/runs/{run_id}/")).json()["transcript_object"]
    assert transcript[0]["content"] == "A table"


async def test_words_at_the_moment_of_its_join_are_heard(agent_room: AgentRoom, client: httpx.AsyncClient) -> None:
    """The agent speaks at the moment in which the evaluator becomes active, and only then."""
    async with agent_room.agent(says_nothing, greeting="Welcome!"):
        run = await final(client, *await start(client, agent_room.entry(34)))
    assert run["success"] is True
    assert run["transcript_object"][0]["content"] == "Welcome!"


async def test_a_failure_quotes_what_was_heard_instead(agent_room: AgentRoom, client: httpx.AsyncClient) -> None:
    async with agent_room.agent(books):
        run = await final(client, *await start(client, agent_room.entry(32)))
    assert (run["status"], run["success"]) == ("completed", False)
    assert run["expected_outcome"]["score"] == 0.0
    assert run["expected_outcome"]["explanation"] == [
        "Waited 1 s to hear 'never said'. After 'A table' the agent said 'One moment. It is booked.'."
    ]


@pytest.mark.parametrize("ended", [True, False])
async def test_streams_that_overlap_are_heard_in_the_order_of_their_beginnings(
    agent_room: AgentRoom, client: httpx.AsyncClient, ended: bool
) -> None:
    async def overlaps(room: rtc.Room, _text: str) -> None:
        first = await room.local_participant.stream_text(topic="lk.transcription")
        await first.write("It is")
        await send(room, "booked.")
        if ended:
            await first.aclose()

    async with agent_room.agent(overlaps):
        run = await final(client, *await start(client, agent_room.entry(35 if ended else 31)))
    assert run["success"] is True, run
    assert run["transcript_object"][-1]["content"] == "booked."


async def test_a_data_message_reaches_the_agent(agent_room: AgentRoom, client: httpx.AsyncClient) -> None:
    async with agent_room.agent(books, greeting="Welcome!"):
        await final(client, *await start(client, agent_room.entry(30, publish_data_message={"tier": "gold"})))
        assert json.loads(await asyncio.wait_for(agent_room.data.get(), 10)) == {"tier": "gold"}


async def test_an_agent_that_leaves_ends_the_conversation(agent_room: AgentRoom, client: httpx.AsyncClient) -> None:
    async def leaves(room: rtc.Room, _text: str) -> None:
        await room.disconnect()

    async with agent_room.agent(leaves):
        run = await final(client, *await start(client, agent_room.entry(33)))
    assert (run["success"], run["metadata"]["ended_reason"]) == (False, "main-agent-ended-call")
    assert "the agent left the room" in run["expected_outcome"]["explanation"][0]


@pytest.mark.slow
async def test_a_conversation_continues_after_the_server_was_killed_and_restarted(client: httpx.AsyncClient) -> None:
    async with await LiveKitServer.running() as server:
        agent_room = AgentRoom(server)
        async with agent_room.agent(says_nothing) as room:
            back = asyncio.Event()
            room.on("participant_connected", lambda _: back.set())
            (run_id,) = await start(client, agent_room.entry(33))
            await asyncio.wait_for(agent_room.heard.get(), 30)
            back.clear()
            await server.kill()
            await server.start()
            await asyncio.wait_for(back.wait(), 60)
            await until_evaluator(agent_room)
            async with asyncio.timeout(60):
                run: dict[str, Any] = {"status": "running"}
                while run["status"] == "running":
                    # Repeated: words are lost until the connection is complete.
                    await send(room, "It is booked.")
                    await asyncio.sleep(0.1)
                    run = (await client.get(f"{V2}/runs/{run_id}/")).json()
                run = await final(client, run_id)
    assert run["success"] is True, run


async def test_an_ended_conversation_is_judged(agent_room: AgentRoom, client: httpx.AsyncClient) -> None:
    async with agent_room.agent(says_nothing):
        (run_id,) = await start(client, agent_room.entry(33))
        await asyncio.wait_for(agent_room.heard.get(), 30)
        await client.post(f"{V2}/runs/{run_id}/end_call/")
        run = await final(client, run_id)
        assert (run["status"], run["success"]) == ("completed", False)
        assert run["metadata"]["ended_reason"] == "call-ended-by-request"
        await until_evaluator(agent_room, there=False)


async def test_a_token_that_is_not_accepted_fails_the_run_and_is_in_no_text(
    agent_room: AgentRoom, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = entry(30, livekit_room_url=agent_room.server.url)
    run = await final(client, *await start(client, wrong))
    assert (run["status"], run["success"]) == ("failed", None)
    assert "401" in run["error_message"]
    assert wrong["access_token"] not in run["error_message"] + caplog.text


async def test_a_server_that_cannot_be_reached_fails_the_run(client: httpx.AsyncClient) -> None:
    run = await final(client, *await start(client, entry(30, livekit_room_url="ws://127.0.0.1:9")))
    assert run["status"] == "failed"
    assert run["error_message"]


@pytest.mark.parametrize("how", ["never", "leaves", "silent"])
async def test_an_evaluator_that_misbehaves(agent_room: AgentRoom, how: str) -> None:
    faults = Faults.model_validate({"runs": {"all": {"evaluator": how}}})
    async with (
        agent_room.agent(books, greeting="Welcome!"),
        CekuraService(SCENARIOS, timing=QUICK, faults=faults) as service,
        client_of(service) as client,
    ):
        (run_id,) = await start(client, agent_room.entry(30))
        if how == "silent":
            await until_evaluator(agent_room)
        if how != "leaves":
            await client.post(f"{V2}/runs/{run_id}/end_call/")
        run = await final(client, run_id)
        await until_evaluator(agent_room, there=False)
    assert (run["status"], run["success"]) == (("cancelled", None) if how == "never" else ("completed", False))
    assert [line for line in run["transcript_object"] if line["role"] == "Testing Agent"] == []


async def test_closing_ends_the_evaluators_in_their_rooms(agent_room: AgentRoom) -> None:
    before = asyncio.all_tasks()
    async with agent_room.agent(says_nothing):
        inside = asyncio.all_tasks()
        async with CekuraService(SCENARIOS, timing=RunTiming(queue=0.001)) as service, client_of(service) as client:
            await start(client, agent_room.entry(33))
            await asyncio.wait_for(agent_room.heard.get(), 30)
        assert {run.status for run in service.runs.values()} == {"cancelled"}
        assert asyncio.all_tasks() <= inside
        await until_evaluator(agent_room, there=False)
    assert asyncio.all_tasks() <= before


async def test_ten_conversations_at_the_same_time(agent_room: AgentRoom, client: httpx.AsyncClient) -> None:
    agent_rooms = [AgentRoom(agent_room.server) for _ in range(10)]
    agents = [each.agent(books, greeting="Welcome!") for each in agent_rooms]
    for agent in agents:
        await agent.__aenter__()
    try:
        runs = await start(client, *(each.entry(30) for each in agent_rooms))
        assert [(await final(client, run))["success"] for run in runs] == [True] * 10
    finally:
        for agent in agents:
            await agent.__aexit__(None, None, None)
