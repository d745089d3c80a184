"""Many rehearsals in one process leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
from collections import Counter
from typing import Any

import psutil
import pytest
from livekit import rtc
from livekit.agents import AgentSession, JobContext, mock_tools

from cekura_agent_kit.rehearsal.fixture import Rehearse

from .restaurant import Host
from .worlds import eventually

REHEARSALS = 200
WARM_UP = 60
"""Rehearsals until caches are full: typing keeps 128 of the classes that livekit-agents makes for each reply."""
OBJECTS = 5
"""Objects of Python a rehearsal that may stay: fewer than one chat message is made of."""
BYTES = 100_000
"""Bytes of memory a rehearsal that may stay, the allocator's slack included: keeping a rehearsal would cost 210 kB."""


async def one_call(rehearse: Rehearse) -> None:
    with mock_tools(Host, {"book": lambda: "mocked"}):
        async with rehearse("restaurant.py", env={"SOME": "value"}) as call:
            await call.greeting()
            await call.say('book {"guests": 2}')
            await call.say("seat")
            await call.send_data({"a": 1})
    # The fixture keeps its calls for the report of its test; two hundred tests have a fixture each.
    rehearse.calls.clear()


def living() -> Counter[str]:
    gc.collect()
    kinds: tuple[Any, ...] = (rtc.Room, AgentSession, JobContext, asyncio.Task)
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, kinds))


def standing() -> dict[str, Any]:
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": sorted(thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")),
        "handlers": [len(handler.filters) for handler in logging.getLogger().handlers],
        "environment": dict(os.environ),
        "objects": living(),
    }


async def test_many_rehearsals_leave_nothing(rehearse: Rehearse) -> None:
    before = standing()
    for _ in range(WARM_UP):
        await one_call(rehearse)
    await until_as(before)
    objects, memory = len(gc.get_objects()), resident()
    for _ in range(REHEARSALS):
        await one_call(rehearse)
    await until_as(before)
    assert (len(gc.get_objects()) - objects) / REHEARSALS < OBJECTS
    assert (resident() - memory) / REHEARSALS < BYTES


@pytest.mark.parametrize("step", [5, 20, 40])
async def test_a_call_that_was_cancelled_leaves_nothing(rehearse: Rehearse, step: int) -> None:
    """Cancelled after so many steps of the event loop: while the agent starts, greets, or listens."""
    before = standing()

    async def forever() -> None:
        async with rehearse("restaurant.py"):
            await asyncio.Event().wait()

    task = asyncio.create_task(forever())
    for _ in range(step):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    rehearse.calls.clear()
    del task
    await until_as(before)


async def until_as(before: dict[str, Any]) -> None:
    """A job is cleaned up in a thread, which may take a moment to forget it."""
    await eventually(lambda: standing() == before, pause=0.05)


def resident() -> int:
    return int(psutil.Process().memory_info().rss)
