"""The shapes of agents in memory and on a real server: the same entrypoints, the same talk, equal results."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cekura_agent_kit.rehearsal.fixture import Rehearse
from tests.agent.workers import Worker, dispatched
from tests.shapes import SHAPES, Shape
from tests.shapes.models import CALLS

from .in_memory import PATIENCE, in_memory

AT_ONCE = 2
"""Talks at once on the server: as many as there are cores."""


@pytest.fixture(autouse=True)
def no_speech_models() -> Any:
    CALLS.clear()
    yield
    assert CALLS == []


@pytest.mark.parametrize("name", SHAPES)
async def test_by_the_fixture(rehearse: Rehearse, name: str) -> None:
    shape = SHAPES[name]
    async with rehearse(shape.entrypoint, timeout=PATIENCE) as call:
        greeting = await call.greeting()
        turn = await call.say(shape.say)
        assert [words.strip() for words in (*greeting.heard, *turn.heard)] == [*shape.hear, *shape.answer]
        assert not call.room.local_participant.track_publications
        assert call.room.attributes["cekura.proof"] == "text-only"


async def talk_in_memory(shape: Shape) -> list[str]:
    """With an evaluator that speaks before the agent knows of it."""
    async with in_memory(shape.entrypoint) as room:
        caller = room.join("evaluator", announced=False)
        caller.say(shape.say)
        await room.delivered()
        caller.announce()
        await room.until(
            lambda: shape.answer[-1] in caller.heard and all(text.closed for text in caller.texts), timeout=PATIENCE
        )
        await room.until(lambda: room.attributes.get("cekura.proof") == "text-only", timeout=PATIENCE)
        assert not room.local_participant.track_publications
        return caller.heard


async def talk_on_the_server(worker: Worker, name: str, shape: Shape) -> list[str]:
    """The same over a real server, the evaluator announced as a trigger does it."""
    async with dispatched(worker, {"text_mode": True, "shape": name}) as run:
        await run.until(lambda attributes: attributes.get("cekura.mode") == "text")
        async with run.evaluator() as evaluator:
            await evaluator.say(shape.say)
            await run.announce()
            await evaluator.hear(shape.answer[-1])
            await run.until(lambda attributes: attributes.get("cekura.proof") == "text-only")
            assert evaluator.audio_tracks == []
            return evaluator.heard


@pytest.mark.parametrize("name", SHAPES)
async def test_an_evaluator_that_speaks_at_once(name: str) -> None:
    shape = SHAPES[name]
    assert await talk_in_memory(shape) == [*shape.hear, *shape.answer]


@pytest.mark.server
@pytest.mark.slow
async def test_the_server_agrees(worker: Worker) -> None:
    few = asyncio.Semaphore(AT_ONCE)

    async def on_the_server(name: str, shape: Shape) -> list[str]:
        async with few:
            return await talk_on_the_server(worker, name, shape)

    memory = {name: await talk_in_memory(shape) for name, shape in SHAPES.items()}
    server = dict(zip(SHAPES, await asyncio.gather(*(on_the_server(*each) for each in SHAPES.items())), strict=True))
    assert memory == server
    assert worker.speech_calls == []
