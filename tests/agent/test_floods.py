"""Ten thousand messages, and streams that are never finished: they cost no other sender anything.

On a real server: ``FLOOD=10000 pytest tests/agent/test_floods.py``; without the variable, 300.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from cekura_agent_kit.agent import inbox as inboxes
from cekura_agent_kit.agent import turns
from cekura_agent_kit.agent.data_messages import MAX_WAITING as MOST_DATA
from cekura_agent_kit.agent.data_messages import Mailbox
from cekura_agent_kit.agent.inbox import Inbox
from cekura_agent_kit.chat import CHAT_TOPIC
from cekura_agent_kit.contract import PROOF_ATTRIBUTE
from tests.agent.workers import Worker, dispatched
from tests.rehearsal.in_memory import in_memory
from tests.shapes.agents import SHAPES

FLOOD = 10_000
ON_SERVER = int(os.environ.get("FLOOD", "300"))


class Reader:
    """A text stream that was opened and is never finished, or one that is whole."""

    open = 0
    """Streams that nobody has closed or read to the end."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text
        self.info = SimpleNamespace(stream_id=str(id(self)))
        Reader.open += 1

    async def read_all(self) -> str:
        if self.text is None:
            await asyncio.Event().wait()
        self.close()
        return str(self.text)

    def close(self) -> None:
        Reader.open -= 1


class Bench:
    """An inbox with a room and a job of this test's own."""

    def __init__(self) -> None:
        Reader.open = 0
        self.handlers: dict[str, Any] = {}
        self.delivered: list[tuple[str, str]] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.mailbox = Mailbox()
        self._caller: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        room = SimpleNamespace(
            register_text_stream_handler=self.handlers.__setitem__,
            unregister_text_stream_handler=self.handlers.pop,
            on=self.handlers.__setitem__,
        )
        job = SimpleNamespace(
            room=room, caller=self.caller, wait_for_caller=self.wait_for_caller, start_task=self.start_task
        )
        self.inbox = Inbox(cast(Any, job), self.mailbox, self.wait_until_ready)
        room.register_text_stream_handler(CHAT_TOPIC, self.deliver)

    def caller(self) -> str | None:
        return self._caller.result() if self._caller.done() else None

    async def wait_for_caller(self, seconds: float) -> str | None:
        return await asyncio.wait_for(asyncio.shield(self._caller), seconds)

    def start_task(self, task: Coroutine[Any, Any, Any], name: str) -> None:
        self.tasks.append(asyncio.create_task(task, name=name))

    async def wait_until_ready(self, _: object) -> None: ...

    def deliver(self, words: Any, sender: str) -> None:
        self.delivered.append((words._text, sender))

    def announce(self) -> None:
        self._caller.set_result("caller")

    def stream(self, sender: str, text: str | None = None) -> None:
        self.handlers[CHAT_TOPIC](Reader(text), sender)

    def packet(self, sender: str, text: str, topic: str = "") -> None:
        participant = SimpleNamespace(identity=sender)
        self.handlers["data_received"](SimpleNamespace(topic=topic, participant=participant, data=text.encode()))

    async def settle(self) -> None:
        async with asyncio.timeout(60):
            while self.waiting:  # noqa: ASYNC110
                await asyncio.sleep(0)
        for _ in range(50):  # the last one, which no longer waits
            await asyncio.sleep(0)

    @property
    def waiting(self) -> int:
        return len(self.inbox._arrivals)


@pytest.fixture
async def bench() -> Any:
    made = Bench()
    yield made
    for task in made.tasks:
        task.cancel()


async def test_a_strangers_unfinished_streams_hold_nothing_back_and_are_closed(bench: Bench) -> None:
    for _ in range(50):
        bench.stream("stranger")  # before the caller is announced: nobody knows yet who it is
    bench.announce()
    for _ in range(FLOOD):
        bench.stream("stranger")
    bench.stream("caller", "hello")
    await bench.settle()

    assert bench.delivered == [("hello", "caller")], "at once, not after the time for a stream"
    assert Reader.open == 0, "an open reader stays in the SDK's queue as long as the process"
    assert bench.waiting == 0


async def test_a_strangers_packets_cost_nothing(bench: Bench) -> None:
    bench.announce()
    for number in range(FLOOD):
        bench.packet("stranger", f"words {number}")
        bench.packet("stranger", "[1]", "orders")
        bench.packet("stranger", "not JSON", "orders")
    bench.packet("caller", "hello")
    bench.packet("caller", '{"plan": "mine"}', "orders")
    await bench.settle()

    assert bench.delivered == [("hello", "caller")]
    assert bench.mailbox._waiting.qsize() == 1


async def test_of_a_flood_before_the_caller_is_known_the_latest_of_each_sender_remain(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.packet("caller", "early")
    for number in range(FLOOD):
        bench.packet("stranger", f"words {number}")
        bench.packet("stranger", "[1]", "orders")
    for _ in range(20):
        bench.stream("stranger")
    assert bench.waiting == inboxes.MAX_WAITING + 1
    assert bench.mailbox._waiting.qsize() == MOST_DATA
    bench.announce()
    bench.packet("caller", "late")
    await bench.settle()

    assert bench.delivered == [("early", "caller"), ("late", "caller")]
    assert Reader.open == 0
    assert "words of stranger are dropped: 1000 later ones of theirs wait" in caplog.text


async def test_after_a_flood_of_the_callers_own_a_later_question_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    async with in_memory(SHAPES["plain"].entrypoint) as room:
        await room.until(lambda: PROOF_ATTRIBUTE in room.attributes, timeout=20)
        caller, stranger = room.join("evaluator"), room.join("stranger")
        for number in range(FLOOD):
            caller.send_data(f"words {number}".encode())
            stranger.send_data(b"a stranger's")
        caller.say("the question")
        await room.until(lambda: any("the question" in text.text for text in caller.texts if text.closed), timeout=100)
        answers = [packet for packet in caller.packets if b"You said" in packet.payload]
        assert len(answers) <= turns.MAX_WAITING + 10
    assert caplog.text.count("messages are dropped: 50 later ones wait") == 1


@pytest.mark.server
async def test_a_flood_on_a_real_server(worker: Worker) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "plain"}) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator, run.evaluator("stranger") as stranger:
            await run.announce()
            writers = [await _open(stranger.room) for _ in range(3)]
            for number in range(ON_SERVER):
                await stranger.send_packet(f"words {number}", "")
                await evaluator.send_packet(f"words {number}", "")
            await evaluator.say("the question")
            async with asyncio.timeout(100):
                while not any("the question" in text for text in evaluator.heard):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            for writer in writers:
                await writer.aclose()


async def _open(room: rtc.Room) -> Any:
    """Open a text stream of chat, and leave it unfinished."""
    writer = await room.local_participant.stream_text(topic=CHAT_TOPIC)
    await writer.write("never finished")
    return writer
