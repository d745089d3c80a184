"""The first rehearsal of a process, against the import of livekit.agents, which it cannot do without.

Timed is what a first test waits for beyond that import: our own modules, the room, the job, a greeting, the end.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .measure import Figure, Rounds

GOAL = 0.3
CODE = """
import time
start = time.perf_counter()
import livekit.agents
imported = time.perf_counter()
import asyncio
from livekit.agents import Agent, AgentSession
from cekura_agent_kit.rehearsal.rehearsal import Rehearsal
ours = time.perf_counter()
from tests.shapes.models import InstantLLM

async def entrypoint(ctx):
    session = AgentSession(llm=InstantLLM())
    await session.start(agent=Agent(instructions="You greet."), room=ctx.room)
    await session.say("Welcome.")

async def first():
    async with Rehearsal(entrypoint) as call:
        assert "Welcome" in (await call.greeting()).text

asyncio.run(first())
print(time.perf_counter() - imported, imported - start, ours - imported)
"""


def bench(*, short: bool) -> list[Figure]:
    """Each round in a fresh process, after one that does not count."""
    took = Rounds([_measure() for _ in range((1 if short else 7) + 1)][1:])
    return [
        Figure(
            name="first-rehearsal",
            ours=took.median(0),
            peer=took.median(1),
            ratio=took.ratio(0, 1),
            unit="s",
            goal=f"<= {GOAL} of the import",
            met=took.ratio(0, 1) <= GOAL,
            note=f"beyond the import of livekit.agents, against that import; {took.median(2):.2g} s import the kit",
        )
    ]


def _measure() -> tuple[float, ...]:
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=True)
    return tuple(map(float, done.stdout.split()))
