"""Messages become turns, in memory and on a real server: answers leave in the form of their message, and none late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest

from cekura_agent_kit.agent.turns import SPEECH_TIMEOUT
from cekura_agent_kit.contract import PROOF_ATTRIBUTE
from cekura_agent_kit.rehearsal.room.room import MemoryRoom
from tests.agent.evaluator import Evaluator
from tests.agent.workers import Worker, dispatched
from tests.rehearsal.in_memory import PATIENCE, in_memory
from tests.shapes.agents import SHAPES
from tests.shapes.probes import PROBES

assert PATIENCE < SPEECH_TIMEOUT, "a message that waits for the timeout must fail the test"


class Caller(Protocol):
    """The caller's side of either room."""

    @property
    def heard(self) -> list[str]: ...
    @property
    def packets(self) -> list[str]: ...
    async def say(self, text: str) -> None: ...
    async def send_packet(self, text: str) -> None: ...
    async def until(self, condition: Callable[[], object]) -> None: ...


class InMemory:
    def __init__(self, room: MemoryRoom) -> None:
        self._room = room
        self._caller = room.join("evaluator")

    @property
    def heard(self) -> list[str]:
        return [text.text.strip() for text in self._caller.texts if text.closed and text.sender != "evaluator"]

    @property
    def packets(self) -> list[str]:
        return [packet.payload.decode() for packet in self._caller.packets]

    async def say(self, text: str) -> None:
        self._caller.say(text)

    async def send_packet(self, text: str) -> None:
        self._caller.send_data(text.encode())

    async def until(self, condition: Callable[[], object]) -> None:
        await self._room.until(condition, timeout=PATIENCE)


class OnServer:
    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self.say = evaluator.say

    @property
    def heard(self) -> list[str]:
        return self._evaluator.heard

    @property
    def packets(self) -> list[str]:
        return [text for _, text in self._evaluator.packets]

    async def send_packet(self, text: str) -> None:
        await self._evaluator.send_packet(text, "")

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


Calls = Callable[[str], Any]


@pytest.fixture(params=["memory", pytest.param("server", marks=pytest.mark.server)])
def calls(request: pytest.FixtureRequest) -> Calls:
    """A caller in a room with the named agent, which is ready for text."""

    @asynccontextmanager
    async def memory(name: str) -> AsyncIterator[Caller]:
        entrypoint = PROBES[name] if name in PROBES else SHAPES[name].entrypoint
        async with in_memory(entrypoint) as room:
            await room.until(lambda: PROOF_ATTRIBUTE in room.attributes, timeout=PATIENCE)
            yield InMemory(room)

    if request.param == "memory":
        return memory
    served: Worker = request.getfixturevalue("worker")

    @asynccontextmanager
    async def server(name: str) -> AsyncIterator[Caller]:
        async with dispatched(served, {"text_mode": True, "shape": name}) as run:
            await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
            async with run.evaluator() as evaluator:
                await run.announce()
                yield OnServer(evaluator)

    return server


async def test_a_packet_and_then_a_stream_are_answered_each_in_its_form(calls: Calls) -> None:
    async with calls("slow") as caller:
        await caller.send_packet("one")
        await asyncio.sleep(0.1)  # the model still thinks about the first
        await caller.say("two")
        await caller.until(lambda: "You said two." in caller.heard and caller.packets)
        assert caller.heard == ["You said one.", "You said two."]
        assert caller.packets == ["You said one."]


async def test_a_stream_and_then_a_packet_are_answered_each_in_its_form(calls: Calls) -> None:
    async with calls("slow") as caller:
        await caller.say("one")
        await asyncio.sleep(0.1)
        await caller.send_packet("two")
        await caller.until(lambda: "You said two." in caller.heard and caller.packets)
        assert caller.heard == ["You said one.", "You said two."]
        assert caller.packets == ["You said two."]


@pytest.mark.parametrize("first", ["packet", "stream"])
async def test_two_forms_at_once_are_answered_in_order(calls: Calls, first: str) -> None:
    async with calls("plain") as caller:
        if first == "packet":
            await caller.send_packet("one")
            await caller.say("two")
        else:
            await caller.say("one")
            await caller.send_packet("two")
        await caller.until(lambda: len(caller.heard) == 2 and caller.packets)
        if first == "stream" and isinstance(caller, OnServer):
            # livekit's native client lets a packet overtake a stream that was opened up to 4 ms before it: seen in
            # 26 of 60 pairs, between two bare rooms. Which came first cannot be known in the room.
            assert sorted(caller.heard) == ["You said one.", "You said two."]
        else:
            assert caller.heard == ["You said one.", "You said two."]
        assert caller.packets == [f"You said {'one' if first == 'packet' else 'two'}."]


async def test_all_of_an_answer_leaves_in_the_form_of_its_message(calls: Calls) -> None:
    """The answer of a packet may be a handoff and the next agent's first words."""
    async with calls("handoff") as caller:
        await caller.send_packet("call transfer")
        await caller.until(lambda: caller.packets)
        assert caller.packets == ["This is the second agent."]
        await caller.say("hello")
        await caller.until(lambda: "You said hello." in caller.heard)
        assert caller.packets == ["This is the second agent."]


@pytest.mark.parametrize(
    ("agent", "start", "question"),
    [
        ("task_in_tool", "call ask", ["What is your name?"]),
        ("silent_task_in_tool", "call ask", []),
        ("handoff_in_tool", "call transfer", ["This is the second agent."]),
    ],
)
async def test_a_message_for_the_next_agent_does_not_wait_for_the_speech_that_led_to_it(
    calls: Calls, agent: str, start: str, question: list[str]
) -> None:
    """The tool of that speech may run for as long as the task has no answer."""
    async with calls(agent) as caller:
        await caller.say(start)
        await asyncio.sleep(0.1)  # the model still thinks: the tool has not been called
        await caller.say("hurry")
        await caller.until(lambda: "You said hurry." in caller.heard)
        assert caller.heard == [*question, "You said hurry."]


async def test_a_message_during_a_reply_of_on_enter_reaches_the_task_that_the_reply_starts(calls: Calls) -> None:
    async with calls("task_on_enter") as caller:
        await caller.say("hurry")
        await caller.until(lambda: "You said hurry." in caller.heard)
        assert caller.heard[-2:] == ["What is your name?", "You said hurry."]
