"""Cost of `wrap_entrypoint` for a production job, in which it patches nothing.

Each entry is the first of a fresh process, forked as a worker forks its job processes: that is what a caller waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from livekit import rtc
from livekit.agents import JobContext, JobProcess
from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.protocol import agent

from cekura_agent_kit import SessionMissing, wrap_entrypoint

from .measure import Figure, interleaved

METADATA = json.dumps(
    {"caller": {"name": "Ada", "plan": "gold"}, "orders": [{"id": n, "note": "x" * 50} for n in range(25)]}
)
"""2 kB of a caller's own, none of it a test's."""

Entrypoint = Callable[[JobContext], Awaitable[None]]


async def unwrapped(ctx: JobContext) -> None:
    """A production job's entrypoint, of which only the entry is measured."""


@wrap_entrypoint
async def wrapped(ctx: JobContext) -> None:
    """The same, wrapped."""


def bench(*, short: bool) -> list[Figure]:
    """The two in turn, each in a process of its own."""
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, mp_context=fork, max_tasks_per_child=1) as processes:
        took = interleaved(
            [
                lambda: processes.submit(first_entry, wrapped).result(),
                lambda: processes.submit(first_entry, unwrapped).result(),
            ],
            repeats=3 if short else 51,
        )
        in_production = processes.submit(changed, METADATA).result()
        in_a_test = processes.submit(changed, json.dumps({"text_mode": True})).result()
    assert in_a_test, "a text test patches AgentSession.start; a comparison that does not see it sees nothing"
    assert not in_production, f"a production job found livekit changed: {in_production}"
    more = took.difference(0, 1)
    return [
        Figure(
            name="voice-overhead",
            ours=took.median(0) * 1000,
            peer=took.median(1) * 1000,
            ratio=took.ratio(0, 1),
            unit="ms",
            goal="< 1 ms more, nothing patched",
            met=more < 0.001,
            note=f"{more * 1000:.3f} ms more than unwrapped; no attribute of livekit.* changed",
        )
    ]


def first_entry(entrypoint: Entrypoint) -> float:
    """Seconds of this process's first entry."""

    async def entry() -> float:
        ctx = production_job(METADATA)
        start = time.perf_counter()
        await entrypoint(ctx)
        return time.perf_counter() - start

    return asyncio.run(entry())


def changed(metadata: str) -> list[str]:
    """Return the attributes of livekit's modules and classes that a wrapped job changed, added or removed."""
    # There is no server that the test could tell why it is refused.
    logging.disable()

    async def compare() -> list[str]:
        ctx = production_job(metadata)
        before = attributes()
        # In a test this entrypoint is refused, since it starts no session; what a test replaces is replaced by then.
        with contextlib.suppress(SessionMissing):
            await wrapped(ctx)
        after = attributes()
        return sorted(name for name in before.keys() | after.keys() if before.get(name) is not after.get(name))

    return asyncio.run(compare())


def attributes() -> dict[str, Any]:
    """Every attribute of every loaded module of livekit, and of the classes in them."""
    found: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):
        if name == "livekit" or name.startswith("livekit."):
            for key, value in vars(module).items():
                found[f"{name}.{key}"] = value
                if isinstance(value, type):
                    found |= {f"{name}.{key}.{member}": each for member, each in vars(value).items()}
    return found


def production_job(metadata: str) -> JobContext:
    """A job's context as a job process makes it, its room not connected yet."""
    job = agent.Job(id="AJ_bench", metadata=metadata)
    info = RunningJobInfo(
        accept_arguments=JobAcceptArguments(name="", identity="", metadata=""),
        job=job,
        url="",
        token="",
        worker_id="",
        fake_job=False,
    )
    return JobContext(
        proc=JobProcess(executor_type=None, user_arguments=None, http_proxy=None),  # type: ignore[arg-type]
        info=info,
        room=rtc.Room(),
        on_connect=lambda: None,
        on_shutdown=lambda _: None,
        inference_executor=None,  # type: ignore[arg-type]
    )
