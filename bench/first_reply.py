"""Time to the first reply to an evaluator that joins and speaks: each shape of agent, switched to text in each way.

Ours speaks at once. The peers are tried twice: at once, and after 3.2 s, when the server has announced the evaluator by
itself. What is timed is the answer to the evaluator's words, from the moment at which it had joined.
"""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass
from itertools import islice

from tests.shapes import SHAPES

from .measure import Figure
from .rooms import NoAgentError, Rooms, rooms

PATIENCE = 5.0
"""Seconds for an answer: twice what the server takes to announce an evaluator."""
ANNOUNCED = 3.2
"""Seconds after which the server has announced an evaluator that publishes no track; 2.4 to 3.0 were measured."""
APART = 0.5
"""Seconds between the evaluators of one shape, so that no two speak at the same time."""
LANES = 2
"""Shapes at the same time: each spends most of its time waiting for answers that do not come."""
LIMIT = 0.2


@dataclass(frozen=True)
class Way:
    """A way to switch the agent to text, and the time for which its evaluator waits before it speaks."""

    name: str
    switch: str
    waits: float = 0.0


OURS = Way("ours", "wrapped")
PEERS = (
    Way("the SDK's patch, at once", "tracer"),
    Way("the framework's switch, at once", "dispatch"),
    Way(f"the SDK's patch, after {ANNOUNCED} s", "tracer", ANNOUNCED),
    Way(f"the framework's switch, after {ANNOUNCED} s", "dispatch", ANNOUNCED),
)


def bench(*, short: bool) -> list[Figure]:
    """A few shapes at a time; of each, all ways at the same time, in rooms of their own."""
    # What text mode refuses, it does not answer.
    shapes = list(islice((name for name, shape in SHAPES.items() if not shape.refused), 1 if short else None))
    peers = PEERS[:2] if short else PEERS
    replies = asyncio.run(_bench(shapes, (OURS, *peers), warm_up=not short))
    ours = _answered(replies[OURS])
    assert len(ours) == len(shapes) or not short, f"not answered: {_silent(replies[OURS])}"
    met = len(ours) == len(shapes) and statistics.median(ours) <= LIMIT
    not_ours = f"; not answered by ours: {', '.join(_silent(replies[OURS]))}" if _silent(replies[OURS]) else ""
    figures = []
    for peer in peers:
        theirs = _answered(replies[peer])
        median = statistics.median(theirs) if theirs else None
        figures.append(
            Figure(
                name=f"first-reply: {peer.name}",
                ours=statistics.median(ours),
                peer=median,
                ratio=statistics.median(ours) / median if median else None,
                unit="s",
                goal=f"all answered, <= {LIMIT} s",
                met=met,
                note=f"answered: ours {len(ours)} of {len(shapes)}, theirs {len(theirs)}{not_ours}",
            )
        )
    return figures


Replies = dict[str, float | None]
"""Seconds by shape; None where no answer came."""


def _answered(replies: Replies) -> list[float]:
    return [reply for reply in replies.values() if reply is not None]


def _silent(replies: Replies) -> list[str]:
    return [shape for shape, reply in replies.items() if reply is None]


async def _bench(shapes: list[str], ways: tuple[Way, ...], *, warm_up: bool) -> dict[Way, Replies]:
    replies: dict[Way, Replies] = {way: {} for way in ways}
    lanes = asyncio.Semaphore(LANES)

    async def all_ways(stage: Rooms, shape: str) -> None:
        async with lanes:
            found = await asyncio.gather(*(_reply(stage, shape, way, n * APART) for n, way in enumerate(ways)))
        for way, reply in zip(ways, found, strict=True):
            replies[way][shape] = reply

    async with rooms() as stage:
        if warm_up:
            # The worker's first jobs are its slowest.
            await all_ways(stage, shapes[0])
        await asyncio.gather(*(all_ways(stage, shape) for shape in shapes))
    return replies


async def _reply(stage: Rooms, shape: str, way: Way, after: float) -> float | None:
    """Seconds from the evaluator's join to the answer to its words, what it waited before it spoke included."""
    try:
        async with stage.agent(shape, way.switch) as room:
            await asyncio.sleep(after)
            return await _time_of_answer(stage, room, shape, way)
    except NoAgentError as error:
        print(f"# {error}")
        return None


async def _time_of_answer(stage: Rooms, room: str, shape: str, way: Way) -> float | None:
    async with stage.caller(room, announced=way is OURS) as caller:
        await asyncio.sleep(way.waits)
        await caller.say(SHAPES[shape].say)
        # What stands in brackets is what the full turn adds; the peers need not have it to have answered.
        answer = SHAPES[shape].answer[0].split(" [")[0]
        heard = await caller.hear(answer, since=caller.joined, within=PATIENCE)
        return None if heard is None else heard - caller.joined
