"""Part of the wrapper in the start of a production job, against that start, in one and the same job.

The start is that of a real worker on a real server, from the fork of the job's process until the session has started.
The wrapper adds its import, once a process, and its part of the entry. Both are CPU time of that process.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from .measure import Figure, Rounds
from .rooms import DEADLINE, Rooms, rooms
from .voice_overhead import METADATA

WORKER = "python -m bench.job_agent start"
GOAL = 0.01
LOOK = 0.02


def bench(*, short: bool) -> list[Figure]:
    """Jobs one after the other, each in a process of its own, after one that does not count."""
    jobs = asyncio.run(_jobs(1 if short else 15))
    clock = statistics.median(job["clock"] for job in jobs)
    return [
        _figure(
            "job",
            [(job["entry"], job["start"] - job["process"] - job["entry"]) for job in jobs],
            note=f"CPU, from the process that is ready until the session has started: {clock * 1000:.0f} ms from the "
            "dispatch by the clock",
        ),
        _figure(
            "process",
            [(job["import"] + job["entry"], job["start"] - job["import"] - job["entry"]) for job in jobs],
            note="CPU, from the fork, an import included that is over before a job comes",
        ),
    ]


def _figure(name: str, parts: list[tuple[float, float]], *, note: str) -> Figure:
    """A figure of what the wrapper added and what the rest took, in CPU seconds, job by job."""
    took = Rounds(list(parts))
    return Figure(
        name=f"wrapped-job: {name}",
        ours=took.median(0) * 1000,
        peer=took.median(1) * 1000,
        ratio=took.ratio(0, 1),
        unit="ms",
        goal=f"<= {GOAL} of its own start",
        met=took.ratio(0, 1) <= GOAL,
        note=note,
    )


async def _jobs(count: int) -> list[dict[str, float]]:
    async with rooms(WORKER) as stage:
        return [await _job(stage) for _ in range(count + 1)][1:]


async def _job(stage: Rooms) -> dict[str, float]:
    """Seconds of each part of one job's start, as it wrote them down."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        async with stage.empty() as room, asyncio.timeout(DEADLINE):
            asked = json.loads(METADATA) | {"report": str(report), "dispatched": time.time()}
            await stage.dispatch(room, metadata=json.dumps(asked))
            # Another process writes it.
            while not report.exists():  # noqa: ASYNC110
                await asyncio.sleep(LOOK)
        found: dict[str, float] = json.loads(report.read_text())
        return found
