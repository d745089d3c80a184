"""Turns a second of a rehearsal against the bare framework's `AgentSession.run()`, the model answering at once.

A rehearsal adds the room, the text streams both ways, and the job around the session.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from livekit.agents import Agent, AgentSession, JobContext
from livekit.agents.voice.run_result import RunResult

from cekura_agent_kit.rehearsal.rehearsal import Rehearsal
from tests.shapes.models import InstantLLM

from .measure import Figure, interleaved_async

WARM_UP = 5
TURNS = 50
"""A turn takes 4 to 6 ms. The history grows with each, for both alike."""
WORDS = "A table for two, please."


def bench(*, short: bool) -> list[Figure]:
    """Both in one process and one event loop, in turn."""
    return asyncio.run(_bench(turns=5 if short else TURNS, repeats=1 if short else 9))


async def _bench(*, turns: int, repeats: int) -> list[Figure]:
    took = await interleaved_async([lambda: _rehearsed(turns), lambda: _bare(turns)], repeats=repeats)
    more = 1000 / took.median(0) - 1000 / took.median(1)
    return [
        Figure(
            name="rehearsal-turn",
            ours=took.median(0),
            peer=took.median(1),
            ratio=took.ratio(0, 1),
            unit="turns/s",
            goal=">= 0.9 of AgentSession.run()",
            met=took.ratio(0, 1) >= 0.9,
            note=f"{more:.2f} ms a turn more: the room's events and its streams both ways",
        )
    ]


async def entrypoint(ctx: JobContext) -> None:
    await AgentSession[None](llm=InstantLLM()).start(agent=Agent(instructions="You take bookings."), room=ctx.room)


async def _rehearsed(turns: int) -> float:
    async with Rehearsal(entrypoint) as call:

        async def turn() -> None:
            assert WORDS in (await call.say(WORDS)).text

        return await _turns_a_second(turn, turns)


async def _bare(turns: int) -> float:
    async with AgentSession[None](llm=InstantLLM()) as session:
        await session.start(agent=Agent(instructions="You take bookings."))

        async def turn() -> None:
            result: RunResult[None] = await session.run(user_input=WORDS)
            result.expect[-1].is_message(role="assistant")
            assert WORDS in str(result.events[-1].item)

        return await _turns_a_second(turn, turns)


async def _turns_a_second(turn: Callable[[], Awaitable[None]], turns: int) -> float:
    for _ in range(WARM_UP):
        await turn()
    start = time.perf_counter()
    for _ in range(turns):
        await turn()
    return turns / (time.perf_counter() - start)
