"""One text run in the sandbox, from the cold command to its end, against the bare start of livekit-server and worker.

The peer is what everybody who talks to an agent on this machine waits for first: the same server's program until it
answers, and `python agent.py start` until it has registered, both started at the same time. It holds no conversation.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.sandbox.server_binary import find_binary

from .measure import Figure, Rounds, interleaved
from .suite_cpu import limit_of
from .suites import copy_example, run_suite, write_yaml

SCENARIO = 30
"""The example's first: a booking."""
GOAL = 2.5
REGISTERED = "registered worker"
START = 60.0
"""Seconds for server and worker; far more than it takes."""
POLL = 0.005


def bench(*, short: bool) -> list[Figure]:
    """Both in turn, each from nothing."""
    binary = find_binary(print)
    with tempfile.TemporaryDirectory() as folder:
        repo = copy_example(Path(folder))
        agent = with_free_port(repo / "agent.py")
        keys = {"worker": agent.name, "mode": "text", "agent_timeout": "60s", "runs": [{"scenario": SCENARIO}]}
        suite = write_yaml(repo / "cekura.yaml", keys)
        ways: list[Callable[[], float]] = [lambda: run_suite(suite)[0], partial(bare_start, binary, agent)]
        # That they work is seen in one round; each takes seconds.
        took = Rounds([tuple(way() for way in ways)]) if short else interleaved(ways, repeats=5)
        met = took.ratio(0, 1) <= GOAL
        limit = "" if met or short else limit_of(suite)
    return [
        Figure(
            name="cold-run",
            ours=took.median(0),
            peer=took.median(1),
            ratio=took.ratio(0, 1),
            unit="s",
            goal=f"<= {GOAL} of the bare start",
            met=met,
            note=limit or "command to report; against livekit-server and worker until it has registered",
        )
    ]


def with_free_port(agent: Path) -> Path:
    """Let the agent's worker choose a free health port, for both: by default, two workers on a machine collide."""
    text = agent.read_text(encoding="utf-8")
    assert text.count("AgentServer(") == 1
    agent.write_text(text.replace("AgentServer(", "AgentServer(port=0, "), encoding="utf-8")
    return agent


def bare_start(binary: Path, agent: Path) -> float:
    """Seconds from the start of both processes until the server answers and the worker has registered."""
    return asyncio.run(_bare_start(binary, agent))


async def _bare_start(binary: Path, agent: Path) -> float:
    server = LiveKitServer(binary)
    # Its address is known to the worker before it runs: started again, it has the same ports.
    await server.start()
    await server.kill()
    try:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "worker.log"
            start = time.perf_counter()
            with running([sys.executable, str(agent), "start"], log, server.environment):
                await server.start()
                while REGISTERED not in (said := log.read_text(encoding="utf-8", errors="replace")):
                    assert time.perf_counter() < start + START, said
                    await asyncio.sleep(POLL)
                return time.perf_counter() - start
    finally:
        await server.stop()


@contextmanager
def running(words: list[str], log: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Run a program; end it, and wait for its end, which is not timed."""
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, env=os.environ | dict(variables))
    try:
        yield
    finally:
        process.terminate()
        process.wait()
