"""The real thing breaks: a server killed, a worker killed, a job killed, a network cut, a full disk, a closed pipe."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from cekura_agent_kit.report.phrases import headline
from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.rooms import service as client
from cekura_agent_kit.trigger.sweep import sweep
from cekura_agent_kit.verdict import Kind, Outcome
from tests.faults.breakdowns import BREAKDOWNS, Breakdown
from tests.faults.breaking import (
    SUITES_WORKER,
    Ground,
    let_the_agent_speak,
    suites_worker,
    until,
    waiting_for_the_agent,
)
from tests.faults.command import command, write_suite
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene, SceneOf, Worker, room_of, rooms_of, scene_of, settings_for
from tests.faults.secrecy import Outputs

pytestmark = pytest.mark.server

GONE_AFTER_KILL = {"agent_gone": 1.0, "after_end": 1.0}
"""The server keeps a killed participant for 21 s; what the trigger waits after that need not be long here."""
NO_VERDICT = {"evaluator": "silent", "scoring": "90s"}
LAW = 6.0 + 2.0
"""Seconds until a stopped suite has ended, with some grace for a busy machine."""


@pytest.mark.slow
@pytest.mark.parametrize("breakdown", BREAKDOWNS, ids=[each.name for each in BREAKDOWNS])
async def test_a_breakdown_comes_to_its_verdict(
    breakdown: Breakdown, livekit_server: LiveKitServer, worker: Worker, outputs: Outputs, tmp_path: Path
) -> None:
    verdict = await breakdown.breaks(Ground(livekit_server, worker, outputs, tmp_path))
    told = "".join(f"\n{run.case} {run.outcome} {run.reason} | {run.hint} | {run.notes}" for run in verdict.runs)
    assert tuple(run.kind or run.outcome for run in verdict.runs) == breakdown.comes_to, told
    assert verdict.exit_code == breakdown.exit_code
    assert headline(verdict) == breakdown.headline
    for run in verdict.runs:
        said = "\n".join(run.notes) if run.outcome is Outcome.PASSED else run.reason
        assert [part for part in breakdown.says if part not in said] == [], told
        if run.outcome is Outcome.ERRORED:
            assert breakdown.hint in run.hint, told


@pytest.mark.slow
async def test_a_killed_job_costs_its_own_run_alone(
    livekit_server: LiveKitServer, outputs: Outputs, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    worker = Worker(livekit_server, tmp_path_factory.mktemp("worker"), processes=True)
    try:
        await asyncio.to_thread(worker.wait_until_registered)
        faults = Faults.model_validate({"runs": {"41": NO_VERDICT}})
        async with scene_of(livekit_server, worker, outputs, tmp_path, faults=faults) as scene:
            suite = waiting_for_the_agent(scene, 40, 41)
            running = asyncio.create_task(scene.run(suite, timing=GONE_AFTER_KILL))
            await until(lambda: scene.said("You said wait for it") and scene.said("Welcome.", runs=2), running)
            (victim,) = (room_of(run) for run in scene.service.runs.values() if run.scenario_id == 41)
            os.kill(worker.jobs[victim], signal.SIGKILL)
            let_the_agent_speak(scene)
            other, killed = (await running).runs
            assert killed.kind is Kind.AGENT_LEFT, killed
            assert other.outcome is Outcome.PASSED, other
            assert scene.service.requests["ends"] == 1
            assert not {killed.room, other.room} & set(await rooms_of(livekit_server))
    finally:
        worker.stop()


@pytest.mark.slow
async def test_a_killed_worker_is_named_and_nothing_of_it_is_left(scene_with: SceneOf) -> None:
    """The suite's own: killed in the talk, and then no run goes on."""
    async with scene_with(faults=Faults.model_validate({"runs": {"all": NO_VERDICT}})) as scene:
        suite = scene.suite(
            {"scenario": 41},
            {"scenario": 30},
            worker=SUITES_WORKER,
            concurrency=1,
        )
        running = asyncio.create_task(scene.run(suite, timing=GONE_AFTER_KILL))
        await until(lambda: scene.service.runs and scene.service.runs[70011].status == "running", running)
        family = suites_worker(scene)
        family[0].kill()
        verdict = await running
        assert [run.kind for run in verdict.runs] == [Kind.WORKER_FAILED] * 2, verdict.runs
        assert "ended with SIGKILL" in verdict.runs[0].reason
        assert len(scene.service.runs) == 1
        assert await scene.rooms(verdict) == []
        assert [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []


async def test_a_network_that_was_cut_for_a_while_costs_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _give_up_sooner(monkeypatch)
    async with Proxy(scene.livekit.port) as network:
        scene.redirect(livekit_url=f"ws://127.0.0.1:{network.port}")
        running = asyncio.create_task(scene.run(waiting_for_the_agent(scene, 40)))
        await until(lambda: scene.said("You said wait for it"), running)
        caplog.clear()
        network.freeze()
        await until(lambda: "are not known" in caplog.text, running)
        network.thaw()
        let_the_agent_speak(scene)
        verdict = await running
        assert verdict.runs[0].outcome is Outcome.PASSED, verdict.runs[0]
        assert verdict.rooms_left == []
        assert await scene.rooms(verdict) == []


async def test_rooms_that_cannot_be_deleted_are_listed_and_swept_later(scene: Scene) -> None:
    """Stopped while LiveKit cannot be reached: in time, and nothing forgotten."""
    async with Proxy(scene.livekit.port) as network:
        scene.redirect(livekit_url=f"ws://127.0.0.1:{network.port}")
        running = asyncio.create_task(scene.run(scene.suite({"scenario": 41})))
        await until(lambda: scene.said("You said hello"), running)
        network.freeze()
        assert scene.suite_run is not None
        began = time.monotonic()
        scene.suite_run.stop("stopped")
        verdict = await running
        assert time.monotonic() - began < LAW
        assert verdict.kind is Kind.CANCELLED
        assert scene.service.requests["ends"] == 1
        assert verdict.rooms_left == [verdict.runs[0].room]
        # Thawed, the network would still deliver the deletion.
        swept = await sweep(settings_for(scene.livekit, scene.service), suite_id=verdict.suite_id)
        assert list(swept.deleted) == verdict.rooms_left
        assert await scene.rooms(verdict) == []


async def test_a_full_disk_hides_no_verdict(scene: Scene, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, agent_name=scene.worker.agent_name)
    arguments = ("run", str(suite), "--json", "/dev/full", "--junit", "report.xml")
    environment = scene.settings.environment
    async with command(*arguments, environment=environment, folder=tmp_path, outputs=scene.outputs) as run:
        assert await run.ended() == 2, run.printed
    assert "PASSED" in run.printed.upper()
    assert "/dev/full" in run.printed
    assert "No space left on device" in run.printed
    assert "<testsuite" in (tmp_path / "report.xml").read_text()
    assert len(scene.service.runs) == 1


async def test_a_closed_pipe_leaves_nothing_behind(scene: Scene, tmp_path: Path) -> None:
    """``cekura-kit run | head -1``."""
    suite = write_suite(tmp_path, agent_name=scene.worker.agent_name, name=tmp_path.name)
    environment = scene.settings.environment
    arguments = ("run", str(suite), "--json", "report.json")
    async with command(*arguments, environment=environment, folder=tmp_path, outputs=scene.outputs, pipe=True) as run:
        assert run.process.stdout is not None
        assert b"1 run planned" in await asyncio.to_thread(run.process.stdout.readline)
        run.process.stdout.close()
        await run.ended()
        assert run.command_lines() == []
    assert run.report is not None
    assert run.report.outcome is Outcome.PASSED
    assert await scene.rooms(run.report) == []
    assert "Traceback" not in run.printed


def _give_up_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """On answers of LiveKit's, after 1 s, not 8."""
    monkeypatch.setattr(client, "_ANSWER_TIMEOUT", 1.0)
