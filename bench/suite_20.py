"""A suite of 20 text runs from the command to the report, against the documented manual flow, one run after the other.

Ours starts everything cold: the sandbox and the worker. The peer finds both running.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cekura_agent_kit.sandbox import Sandbox
from cekura_agent_kit.trigger.worker.worker import Worker

from .measure import Figure
from .suite_cpu import limit_of
from .suites import ROOT, WORKER, run_suite, write_suite

RUNS = 20
TURNS = 5
REPEATS = 3
GOAL = 0.125


def bench(*, short: bool) -> list[Figure]:
    """Ours as a median; the peer, which takes minutes, once."""
    runs, turns, repeats = (1, 1, 1) if short else (RUNS, TURNS, REPEATS)
    with tempfile.TemporaryDirectory() as folder:
        suite = write_suite(Path(folder), scenarios=runs, turns=turns)
        ours = statistics.median([run_suite(suite)[0] for _ in range(repeats)])
        peer = asyncio.run(_manual(suite, range(1, runs + 1)))
        met = ours / peer <= GOAL
        limit = "" if met or short else f"; {limit_of(suite)}"
    return [
        Figure(
            name=f"suite-{runs}",
            ours=ours,
            peer=peer,
            ratio=ours / peer,
            unit="s",
            goal=f"<= {GOAL} ({1 / GOAL:g} times faster)",
            met=met,
            note=f"runs of {turns} turns; {peer / ours:.1f} times faster{limit}",
        )
    ]


async def _manual(suite: Path, scenarios: range) -> float:
    """Seconds of `bench.manual_flow`."""
    async with Sandbox(suite.with_name("cekura.scenarios.yaml"), say=lambda _: None) as sandbox:
        environment = os.environ | sandbox.environment
        async with Worker(WORKER, folder=ROOT, environment=environment, agent_name="bench") as worker:
            command = [sys.executable, "-m", "bench.manual_flow", worker.agent_name, *map(str, scenarios)]
            start = time.perf_counter()
            process = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            said, _ = await process.communicate()
            took = time.perf_counter() - start
            assert process.returncode == 0, f"the manual flow failed: {said.decode()}"
            return took
