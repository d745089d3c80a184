"""A text turn over a real server: the wrapped agent against the same agent with the framework's own switch.

Two participants that echo each other show what of it is the server and the SDK: nothing can be faster than that.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from livekit import rtc

from .measure import Figure, Rounds, interleaved_async
from .rooms import CHAT, DEADLINE, TRANSCRIPTION, Caller, Rooms, rooms

SHAPE = "plain"
TURNS = 10
"""A round's turns, of which the median counts; a turn takes about 20 ms."""
WORDS = "hello"
ANSWER = "You said hello."


def bench(*, short: bool) -> list[Figure]:
    """Three rooms at the same time, their turns in turn."""
    took = asyncio.run(_bench(turns=3 if short else TURNS, repeats=1 if short else 21))
    return [
        Figure(
            name="server-turn: the framework's switch",
            ours=took.median(0) * 1000,
            peer=took.median(1) * 1000,
            ratio=took.ratio(0, 1),
            unit="ms",
            goal="<= 0.95",
            met=took.ratio(0, 1) <= 0.95,
            note=f"{took.difference(0, 1) * 1000:+.2f} ms a turn; of ours, {took.median(2) * 1000:.3g} ms are the wire",
        ),
        Figure(
            name="server-turn: bare participants",
            ours=took.median(0) * 1000,
            peer=took.median(2) * 1000,
            ratio=took.ratio(0, 2),
            unit="ms",
            goal="",
            met=None,
            note="there and back, with no agent",
        ),
    ]


async def _bench(*, turns: int, repeats: int) -> Rounds:
    async with (
        rooms() as stage,
        _agent(stage, "wrapped") as wrapped,
        _agent(stage, "dispatch") as dispatch,
        _echo(stage) as echo,
    ):
        ways = [_turn(wrapped, ANSWER), _turn(dispatch, ANSWER), _turn(echo, WORDS)]
        return await interleaved_async([_median_of(way, turns) for way in ways], repeats=repeats)


@asynccontextmanager
async def _agent(stage: Rooms, way: str) -> AsyncIterator[Caller]:
    async with stage.agent(SHAPE, way) as name, stage.caller(name, announced=True) as caller:
        yield caller


@asynccontextmanager
async def _echo(stage: Rooms) -> AsyncIterator[Caller]:
    """A participant that sends back what it is sent."""
    async with stage.empty() as name, stage.caller(name, announced=True, identity="echo") as echo:
        sending: set[asyncio.Task[None]] = set()

        async def send_back(reader: rtc.TextStreamReader) -> None:
            await echo.room.local_participant.send_text(await reader.read_all(), topic=TRANSCRIPTION)

        def on_stream(reader: rtc.TextStreamReader, _identity: str) -> None:
            task = asyncio.create_task(send_back(reader))
            sending.add(task)
            task.add_done_callback(sending.discard)

        echo.room.register_text_stream_handler(CHAT, on_stream)
        async with stage.caller(name, announced=True) as caller:
            yield caller


def _turn(caller: Caller, answer: str) -> Callable[[], Awaitable[float]]:
    async def turn() -> float:
        said = await caller.say(WORDS)
        heard = await caller.hear(answer, since=said, within=DEADLINE)
        assert heard is not None, f"{answer!r} was not heard, but {caller.heard[-3:]}"
        return heard - said

    return turn


def _median_of(turn: Callable[[], Awaitable[float]], turns: int) -> Callable[[], Awaitable[float]]:
    async def several() -> float:
        return statistics.median([await turn() for _ in range(turns)])

    return several
