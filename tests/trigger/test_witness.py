"""The witness in a real room: order and time of what it receives, and joins that are cancelled."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from livekit import api, rtc

from cekura_agent_kit.contract import MODE_ATTRIBUTE, PROOF_ATTRIBUTE, TEXT_ONLY
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.rooms.witness import Witness
from cekura_agent_kit.verdict import Line

pytestmark = pytest.mark.server

EVALUATOR, AGENT, WITNESS = "evaluator", "agent-1", "witness"
ROUNDS = 8


def token(server: LiveKitServer, room: str, identity: str) -> str:
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(identity)
        # The server lets agents alone send in another participant's name.
        .with_kind("agent" if identity == AGENT else "standard")
        .with_grants(
            api.VideoGrants(
                room_join=True, room=room, hidden=identity == WITNESS, can_update_own_metadata=identity == AGENT
            )
        )
        .to_jwt()
    )


@asynccontextmanager
async def joined(server: LiveKitServer, room: str, identity: str) -> AsyncIterator[rtc.Room]:
    participant = rtc.Room()
    await participant.connect(server.url, token(server, room, identity))
    try:
        yield participant
    finally:
        await participant.disconnect()


@asynccontextmanager
async def watching(
    server: LiveKitServer,
    room: str,
    *,
    text: bool = True,
    on_line: Callable[[Line], None] = lambda _: None,
    on_change: Callable[[], None] = lambda: None,
) -> AsyncIterator[Witness]:
    begin = time.monotonic()
    witness = Witness(
        evaluator=EVALUATOR,
        text=text,
        clock=lambda: time.monotonic() - begin,
        on_line=on_line,
        on_change=on_change,
    )
    await witness.join(server.url, token(server, room, WITNESS))
    try:
        yield witness
    finally:
        await witness.leave()


@contextmanager
def in_a_thread(main: Coroutine[Any, Any, None]) -> Any:
    """Run a coroutine in a loop of its own, which the test's loop cannot delay."""
    thread = threading.Thread(target=asyncio.run, args=(main,))
    thread.start()
    try:
        yield thread
    finally:
        thread.join(60)


class Streams:
    """Texts of the streams on one topic that a participant has received."""

    def __init__(self, room: rtc.Room, topic: str) -> None:
        self._received: asyncio.Queue[str] = asyncio.Queue()
        self._reading: set[asyncio.Task[None]] = set()
        room.register_text_stream_handler(topic, self._on_stream)

    def _on_stream(self, reader: rtc.TextStreamReader, _: str) -> None:
        self._reading.add(asyncio.create_task(self._read(reader)))

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        self._received.put_nowait(await reader.read_all())

    async def next(self) -> str:
        return await asyncio.wait_for(self._received.get(), 20)


async def converse(server: LiveKitServer, room: str) -> None:
    """Hold a conversation: message, tool call of 20 ms, reply in two chunks; and the next message after the reply."""
    async with joined(server, room, EVALUATOR) as evaluator, joined(server, room, AGENT) as agent:
        messages, replies = Streams(agent, "lk.chat"), Streams(evaluator, "lk.transcription")
        for number in range(ROUNDS):
            await evaluator.local_participant.send_text(f"message {number}", topic="lk.chat")
            await messages.next()
            started_at = time.time()
            await asyncio.sleep(0.02)
            event = {"type": "tool_call", "name": f"tool {number}", "at": time.time(), "started_at": started_at}
            await agent.local_participant.send_text(
                json.dumps(event), topic="cekura.events", destination_identities=[WITNESS]
            )
            reply = await agent.local_participant.stream_text(topic="lk.transcription")
            await reply.write("reply ")
            await reply.write(str(number))
            await reply.aclose()
            await replies.next()


async def keep_busy(blocked: float) -> None:
    """Block the loop again and again, as many rooms on two cores do."""
    while True:
        time.sleep(blocked)  # noqa: ASYNC251 - this is the load
        await asyncio.sleep(0.001)


def told(lines: list[Line]) -> list[str]:
    return [line.text or line.name for line in lines]


@pytest.mark.parametrize("blocked", [0.0, 0.07, 0.3])
async def test_cause_is_before_effect_on_a_busy_machine(livekit_server: LiveKitServer, blocked: float) -> None:
    room = f"test-{secrets.token_hex(6)}"
    reported: list[Line] = []
    load = asyncio.create_task(keep_busy(blocked)) if blocked else None
    async with watching(livekit_server, room, on_line=reported.append) as witness:
        with in_a_thread(converse(livekit_server, room)) as conversation:
            while conversation.is_alive():  # noqa: ASYNC110 - a thread sets no event
                await asyncio.sleep(0.01)
    if load:
        load.cancel()

    expected = [each for n in range(ROUNDS) for each in (f"message {n}", f"tool {n}", f"reply {n}")]
    lines = witness.transcript.lines
    assert told(lines) == expected
    assert told(reported) == expected
    assert [line.at for line in lines] == sorted(line.at or 0.0 for line in lines)
    assert len(witness.transcript.latency.turns) == ROUNDS
    if not blocked:
        # 20 ms are the tool's, and nobody answers sooner.
        assert min(witness.transcript.latency.turns) >= 0.02


async def test_in_voice_words_that_are_transcribed_after_their_effect_come_before_it(
    livekit_server: LiveKitServer,
) -> None:
    room = f"test-{secrets.token_hex(6)}"
    reported: list[Line] = []
    async with (
        watching(livekit_server, room, text=False, on_line=reported.append) as witness,
        joined(livekit_server, room, EVALUATOR),
        joined(livekit_server, room, AGENT) as agent,
    ):
        me = agent.local_participant
        await me.send_text(json.dumps({"type": "tool_call", "name": "book"}), topic="cekura.events")
        words = await me.stream_text(
            topic="lk.transcription",
            sender_identity=EVALUATOR,
            attributes={"lk.transcription_final": "true", "lk.segment_id": "1"},
        )
        await words.write("a table")
        await words.aclose()
        await me.send_text("It is booked.", topic="lk.transcription")
        async with asyncio.timeout(10):
            while len(reported) < 3:  # noqa: ASYNC110 - lines have no event
                await asyncio.sleep(0.01)

    expected = [("evaluator", "a table"), ("tool", "book"), ("agent", "It is booked.")]
    assert [(line.role, line.text or line.name) for line in reported] == expected
    assert [(line.role, line.text or line.name) for line in witness.transcript.lines] == expected


async def test_a_message_sent_as_stream_and_as_packet_is_one_line(livekit_server: LiveKitServer) -> None:
    room = f"test-{secrets.token_hex(6)}"
    older = {"id": "1", "timestamp": 1, "message": "hello"}
    payload = {"tier": "gold"}
    announced = asyncio.Event()
    async with (
        watching(livekit_server, room, on_change=announced.set) as witness,
        joined(livekit_server, room, EVALUATOR) as evaluator,
    ):
        # A packet of a participant that is not announced yet has no sender.
        await asyncio.wait_for(announced.wait(), 10)
        me = evaluator.local_participant
        await me.publish_data(json.dumps(older), topic="lk-chat-topic")
        await me.send_text("hello", topic="lk.chat")
        await me.publish_data(json.dumps(payload))
        await me.publish_data("plain words")
        await me.publish_data(b"\xff\xfe")
        await me.publish_data("the end")
        async with asyncio.timeout(10):
            while "the end" not in told(witness.transcript.lines):  # noqa: ASYNC110 - lines have no event
                await asyncio.sleep(0.01)

    assert sorted(told(witness.transcript.lines)) == ["hello", "plain words", "the end"]


async def test_the_agents_state_is_no_change_and_an_attribute_of_ours_is_one(livekit_server: LiveKitServer) -> None:
    """Each change costs a request, and an agent changes its state several times a turn."""
    room = f"test-{secrets.token_hex(6)}"
    changes: list[float] = []
    async with (
        watching(livekit_server, room, on_change=lambda: changes.append(time.monotonic())) as witness,
        joined(livekit_server, room, AGENT) as agent,
    ):

        async def set_and_see(seen: Callable[[], bool], *attributes: tuple[str, str]) -> None:
            for name, value in attributes:
                await agent.local_participant.set_attributes({name: value})
            async with asyncio.timeout(10):
                while not seen():  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.01)

        working = [("lk.agent.state", "thinking"), ("lk.agent.state", "speaking")]
        await set_and_see(lambda: len(changes) > 1, *working, (MODE_ATTRIBUTE, "text"))
        await set_and_see(lambda: witness.proven, *working, (PROOF_ATTRIBUTE, TEXT_ONLY))
        seen = len(changes)

    # The agent's join, its mode and its proof.
    assert seen == 3


@pytest.mark.parametrize("steps", [1, 10, 100])
async def test_a_cancelled_join_does_not_create_its_room_again(livekit_server: LiveKitServer, steps: int) -> None:
    """The server creates a deleted room again for a participant that still joins it."""
    server = livekit_server
    name = f"test-{secrets.token_hex(6)}"
    witness = Witness(evaluator=EVALUATOR, text=True, clock=lambda: 0.0, on_line=lambda _: None, on_change=lambda: None)
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as lkapi:
        await lkapi.room.create_room(api.CreateRoomRequest(name=name))
        joining = asyncio.create_task(witness.join(server.url, token(server, name, WITNESS)))
        for _ in range(steps):
            await asyncio.sleep(0)
        joining.cancel()
        await asyncio.wait({joining})
        await witness.leave()
        await lkapi.room.delete_room(api.DeleteRoomRequest(room=name))
        # A join that went on would have reached the server before any of this: it is asked after a join of its own.
        async with joined(server, f"{name}-after", EVALUATOR):
            found = await lkapi.room.list_rooms(api.ListRoomsRequest(names=[name]))
        assert not list(found.rooms)
