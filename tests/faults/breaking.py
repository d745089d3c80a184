"""Breakdowns under a conversation, by real processes: each function breaks one thing, and returns the verdict."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from livekit import api

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.verdict import SuiteVerdict
from tests.command_lines import command_line
from tests.faults.agent import PROCESSES
from tests.faults.command import command
from tests.faults.scene import ROOT, Scene, Worker, room_of, rooms_of, scene_of
from tests.faults.secrecy import Outputs

FROZEN = 20.0
"""Seconds for which the server is stopped: longer than what is noted only, and than a participant is kept."""
SUITES_WORKER = "python -m tests.faults.agent start"


@dataclass(frozen=True)
class Ground:
    """Parts that a suite runs on.

    Attributes:
        livekit: a server that outlives the test.
        worker: a worker on it, registered.
        outputs: searched for secrets.
        folder: for files of the test.
    """

    livekit: LiveKitServer
    worker: Worker
    outputs: Outputs
    folder: Path

    @asynccontextmanager
    async def scene(self, runs: Mapping[str, Any] | None = None) -> AsyncIterator[Scene]:
        """A scene on it; ``runs`` are faults of the stand-in's runs."""
        faults = Faults.model_validate({"runs": dict(runs or {})})
        async with scene_of(self.livekit, self.worker, self.outputs, self.folder, faults=faults) as scene:
            yield scene

    @asynccontextmanager
    async def scene_on_another_server(self, runs: Mapping[str, Any] | None = None) -> AsyncIterator[Scene]:
        """A scene on a server, with a worker, that a test may kill."""
        faults = Faults.model_validate({"runs": dict(runs or {})})
        async with await LiveKitServer.running() as livekit:
            worker = Worker(livekit, self.folder)
            try:
                await asyncio.to_thread(worker.wait_until_registered)
                async with scene_of(livekit, worker, self.outputs, self.folder, faults=faults) as scene:
                    yield scene
            finally:
                worker.stop()


async def worker_killed(ground: Ground) -> SuiteVerdict:
    async with ground.scene() as scene:
        running = asyncio.create_task(scene.run(scene.suite({"scenario": 43}, worker=SUITES_WORKER)))
        await until(lambda: scene.said("You said hello"), running)
        family = suites_worker(scene)
        family[0].kill()
        verdict = await running
        assert await scene.rooms(verdict) == []
        assert [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    return verdict


async def job_killed_in_a_tool(ground: Ground) -> SuiteVerdict:
    async with ground.scene() as scene:
        scene.environment[PROCESSES] = "1"
        suite = scene.suite({"scenario": 44}, worker=SUITES_WORKER, metadata={"behave": "despair"})
        verdict = await scene.run(suite)
        assert await scene.rooms(verdict) == []
    return verdict


async def server_restarted(ground: Ground) -> SuiteVerdict:
    return await _shaken(ground, _restart)


async def server_frozen(ground: Ground) -> SuiteVerdict:
    return await _shaken(ground, _freeze)


async def room_deleted(ground: Ground) -> SuiteVerdict:
    async with ground.scene() as scene:
        running = asyncio.create_task(scene.run(scene.suite({"scenario": 41})))
        await until(lambda: scene.said("You said hello"), running)
        async with api.LiveKitAPI(scene.livekit.url, scene.livekit.api_key, scene.livekit.api_secret) as lkapi:
            for run in scene.service.runs.values():
                await lkapi.room.delete_room(api.DeleteRoomRequest(room=room_of(run)))
        return await running


async def agent_hangs_up(ground: Ground) -> SuiteVerdict:
    async with ground.scene() as scene:
        return await scene.run(scene.suite({"scenario": 46}, metadata={"behave": "despair"}))


async def realtime_model_in_the_sandbox(ground: Ground) -> SuiteVerdict:
    folder = ground.folder
    agent = ROOT / "tests" / "sandbox" / "realtime_agent.py"
    (folder / "scenarios.yaml").write_text("30: {name: Greets, talk: [{hear: welcome}], patience: 5s}\n")
    suite = {
        "worker": f"{sys.executable} {agent} dev --no-reload",
        "sandbox": "scenarios.yaml",
        "agent_timeout": "30s",
        "timeout": "60s",
        "runs": [{"scenario": 30, "mode": "text"}],
    }
    (folder / "cekura.yaml").write_text(json.dumps(suite))
    arguments = ("run", "--sandbox", "cekura.yaml", "--json", "report.json")
    environment = {"AGENT_MODELS": "realtime"}
    async with command(*arguments, environment=environment, folder=folder, outputs=ground.outputs) as run:
        code = await run.ended()
        assert run.report is not None, run.printed
        assert code == run.report.exit_code
        return run.report


async def _shaken(ground: Ground, shake: Callable[[Scene, asyncio.Task[Any]], Awaitable[None]]) -> SuiteVerdict:
    """Run a suite whose server is shaken in mid-conversation. Cekura passes one of its two runs, and fails one."""
    async with ground.scene_on_another_server({"45": {"verdict": {"success": False}}}) as scene:
        running = asyncio.create_task(scene.run(waiting_for_the_agent(scene, 40, 45)))
        await until(lambda: scene.said("You said wait for it", runs=2), running)
        await shake(scene, running)
        await until(lambda: _both_are_there(scene), running)
        let_the_agent_speak(scene)
        verdict = await running
        assert verdict.rooms_left == []
        assert await rooms_of(scene.livekit) == []
    return verdict


async def _restart(scene: Scene, running: asyncio.Task[Any]) -> None:
    await scene.livekit.kill()
    await until(lambda: scene.outputs.log.getvalue().count("are not known") > 1, running)
    await scene.livekit.start()


async def _freeze(scene: Scene, running: asyncio.Task[Any]) -> None:
    process = psutil.Process(scene.livekit.pid)
    process.suspend()
    try:
        # Until the server answers again, nothing else shows how much time has passed.
        await asyncio.sleep(FROZEN)
    finally:
        process.resume()


def suites_worker(scene: Scene) -> list[psutil.Process]:
    """Return the processes of the suite's own worker, the worker itself first."""
    others = (each for each in psutil.Process().children() if each.pid != scene.worker.process.pid)
    (guard,) = (each for each in others if "tests.faults.agent" in command_line(each))
    (worker,) = guard.children()
    return [worker, *worker.children(recursive=True)]


def waiting_for_the_agent(scene: Scene, *scenarios: int) -> Any:
    """Return a suite whose conversations end when the agent is allowed to speak."""
    metadata = {"until": str(scene.folder / "flag")}
    return scene.suite(*({"scenario": each, "metadata": metadata} for each in scenarios))


def let_the_agent_speak(scene: Scene) -> None:
    (scene.folder / "flag").touch()


async def until(condition: Callable[[], Any], running: asyncio.Task[Any]) -> None:
    """Wait until it holds, and no longer than the suite runs."""
    deadline = time.monotonic() + 90
    while True:
        value = condition()
        if await value if isinstance(value, Awaitable) else value:
            return
        assert not running.done(), [(run.case, run.kind, run.reason, run.notes) for run in running.result().runs]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def _both_are_there(scene: Scene) -> bool:
    """Return True if agent and evaluator are in each room, in a server that has just come back."""
    active = api.ParticipantInfo.State.ACTIVE
    try:
        async with api.LiveKitAPI(scene.livekit.url, scene.livekit.api_key, scene.livekit.api_secret) as lkapi:
            for run in scene.service.runs.values():
                listed = await lkapi.room.list_participants(api.ListParticipantsRequest(room=room_of(run)))
                there = [each for each in listed.participants if each.state == active]
                agents = [each for each in there if each.kind == api.ParticipantInfo.Kind.AGENT]
                if len(agents) != 1 or "cekura-evaluator" not in {each.identity for each in there}:
                    return False
    except (api.TwirpError, aiohttp.ClientError):
        return False
    return True
