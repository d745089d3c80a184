"""A worker or a job process that dies is known at once, and is the run's reason; real processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.verdict import Kind, Outcome
from tests.command_lines import command_line
from tests.trigger.bench import AGENT, LONG, Bench
from tests.trigger.bench import Outcome as Came

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("trigger")]

WORKER = f"python {AGENT} start"
NOT_BY_LIVEKIT = {"agent_gone": 600.0, "after_end": 1.0}
"""The server lists a killed participant for 21 s. With this, what it lists ends no conversation."""


@pytest.fixture
def dying(livekit_server: LiveKitServer) -> Bench:
    return Bench(livekit_server, "dies", timing=NOT_BY_LIVEKIT)


async def killed_during(bench: Bench, find: Callable[[], psutil.Process]) -> Came:
    """Run a suite whose conversation would last for a minute, and kill one of its processes once it is under way."""
    suite = bench.suite(LONG, worker=WORKER, agent_name=None)
    greeted = asyncio.Event()

    def on_event(event: Any) -> None:
        if "Welcome" in str(event):
            greeted.set()

    running = asyncio.create_task(bench.run(suite, on_event=on_event))
    await asyncio.wait([running, asyncio.create_task(greeted.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert not running.done(), (await running).reasons
    os.kill(find().pid, signal.SIGKILL)
    return await running


def the_worker() -> psutil.Process:
    """The worker of this test: the session's own is not started by `start`."""
    return next(each for each in psutil.Process().children(recursive=True) if _serves_this_agent(each))


def _serves_this_agent(process: psutil.Process) -> bool:
    words = command_line(process)
    return words[-2:] == [str(AGENT), "start"] and "guard.py" not in str(words)


def the_job() -> psutil.Process:
    """Of the worker's processes, the one that has LiveKit's native client connected: it has the most threads."""
    return max(the_worker().children(recursive=True), key=lambda process: process.num_threads())


async def test_a_killed_job_process_is_the_agents_failure_with_the_signal_as_the_reason(dying: Bench) -> None:
    outcome = await killed_during(dying, the_job)

    (run,) = outcome.verdict.runs
    assert (run.outcome, run.kind) == (Outcome.FAILED, None), run
    assert "the agent's job process died (SIGKILL)" in run.reason
    assert "process exited with non-zero exit code" in outcome.logs[run.case]
    assert run.room in outcome.logs[run.case]
    assert "registered worker" not in outcome.logs[run.case], "the part of its job, not the whole log"
    assert outcome.service.requests["ends"] == 1
    assert outcome.rooms == []


async def test_a_killed_worker_is_named_with_its_signal(dying: Bench) -> None:
    outcome = await killed_during(dying, the_worker)

    (run,) = outcome.verdict.runs
    assert (run.outcome, run.kind) == (Outcome.ERRORED, Kind.WORKER_FAILED), run
    assert "ended with SIGKILL" in run.reason
    assert outcome.service.requests["ends"] == 1
    assert outcome.rooms == []


async def test_a_job_process_that_dies_before_its_agent_is_ready_is_not_waited_for(dying: Bench) -> None:
    outcome = await dying.run(dying.suite(LONG, worker=WORKER, agent_name=None, behave="die", agent_timeout="10m"))

    (run,) = outcome.verdict.runs
    assert run.outcome is Outcome.FAILED, run
    assert "the agent's job process died (SIGSEGV)" in run.reason
    assert outcome.started == 0
