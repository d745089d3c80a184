"""SIGINT and SIGTERM at each stage of a run: on the real command, against parts that outlive it and can tell."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGINT, SIGSTOP, SIGTERM, Signals
from typing import Any

import pytest
from livekit import api

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.verdict import Kind
from tests.faults.command import Command, command, write_suite
from tests.faults.scene import Scene, SceneOf
from tests.faults.secrecy import Outputs

pytestmark = pytest.mark.server

LAW = 6.0
"""Seconds: GitHub's runner sends SIGTERM 7.5 s after SIGINT, and kills 2.5 s later."""
GRACE = 2.0
"""Seconds more, for a machine on which four times as much runs as it has cores."""
AGENT = "python -m tests.faults.agent start"


@dataclass(frozen=True)
class At:
    """A stage of a run.

    Attributes:
        seen: tells from outside that the command is there.
        faults: of the stand-in, which keep it there.
        suite: further keys of the suite.
        runs_end: Cekura must be asked to end a run.
    """

    seen: Callable[[Scene, Command], Any]
    faults: Mapping[str, Any] = field(default_factory=dict)
    suite: Mapping[str, Any] = field(default_factory=dict)
    runs_end: bool = False


async def _room_stands(scene: Scene, _: Command) -> bool:
    return bool(await _rooms(scene))


async def _agent_waits(scene: Scene, _: Command) -> bool:
    async with api.LiveKitAPI(scene.livekit.url, scene.livekit.api_key, scene.livekit.api_secret) as lkapi:
        for room in await _rooms(scene):
            listed = await lkapi.room.list_participants(api.ListParticipantsRequest(room=room.name))
            if any("cekura.proof" in each.attributes for each in listed.participants):
                return True
    return False


STAGES: Mapping[str, At] = {
    "services are asked": At(
        lambda scene, _: scene.service.requests["reads"] > 0, faults={"reads": {"all": {"delay": "60s"}}}
    ),
    "the worker starts": At(
        lambda _, command: any("tests.faults.agent" in line for line in command.command_lines()),
        suite={"worker": AGENT},
    ),
    "the agent is awaited": At(_room_stands, suite={"agent_name": "nobody"}),
    "the agent starts": At(lambda scene, _: scene.jobs > 0, suite={"metadata": {"behave": "never_connect"}}),
    "its group is awaited": At(
        _agent_waits,
        suite={"runs": [{"scenario": 30}, {"scenario": 31, "metadata": {"behave": "never_connect"}}]},
    ),
    "the start is under way": At(
        lambda scene, _: scene.service.runs, faults={"starts": {"1": {"delay": "60s"}}}, runs_end=True
    ),
    "the run is queued": At(
        lambda scene, _: scene.service.requests["reads"] > 3, faults={"runs": {"all": {"queue": "60s"}}}, runs_end=True
    ),
    "they talk": At(lambda scene, _: scene.said("You said hello"), suite={"runs": [{"scenario": 41}]}, runs_end=True),
    "it is scored": At(
        lambda scene, _: any(run.status == "evaluating" for run in scene.service.runs.values()),
        faults={"runs": {"all": {"scoring": "60s"}}},
        runs_end=True,
    ),
}


@pytest.mark.parametrize("number", [SIGINT, SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    "stage", [pytest.param(stage, marks=() if stage == "they talk" else pytest.mark.slow) for stage in STAGES]
)
async def test_a_signal_ends_everything(stage: str, number: Signals, scene_with: SceneOf, tmp_path: Path) -> None:
    at = STAGES[stage]
    async with scene_with(faults=Faults.model_validate(dict(at.faults))) as scene, _running(scene, at, tmp_path) as run:
        await run.until(lambda: at.seen(scene, run))
        began = time.monotonic()
        run.send(number)
        code = await run.ended()
        took = time.monotonic() - began
        assert code == 128 + number, run.printed
        assert took < LAW + GRACE, run.printed
        await _nothing_is_left(scene, run)
        assert scene.service.requests["ends"] >= at.runs_end
        assert run.report is not None
        assert run.report.kind is Kind.CANCELLED
        assert f"stopped by {number.name}" in run.printed


async def test_a_sigterm_after_a_sigint_does_not_hurry(scene_with: SceneOf, tmp_path: Path) -> None:
    at = STAGES["they talk"]
    async with scene_with() as scene, _running(scene, at, tmp_path) as run:
        await run.until(lambda: at.seen(scene, run))
        run.send(SIGINT)
        await run.until(lambda: scene.service.requests["ends"] > 0)
        run.send(SIGTERM)
        assert await run.ended() == 130, run.printed
        await _nothing_is_left(scene, run)
        assert run.report is not None


async def test_what_could_not_be_cleaned_up_is_listed(scene_with: SceneOf, tmp_path: Path) -> None:
    """LiveKit does not answer any more, and Cekura refuses to end the run. A second SIGINT does not hide it."""
    at = STAGES["they talk"]
    faults = Faults.model_validate({"ends": {"all": {"status": 503}}})
    async with scene_with(faults=faults) as scene, _running(scene, at, tmp_path) as run:
        await run.until(lambda: at.seen(scene, run))
        assert scene.livekit.pid
        os.kill(scene.livekit.pid, SIGSTOP)
        try:
            run.send(SIGINT)
            await run.until(lambda: scene.service.requests["ends"] > 0)
            run.send(SIGINT)
            assert await run.ended() == 130, run.printed
        finally:
            os.kill(scene.livekit.pid, SIGCONT)
        assert run.report is not None
        (verdict,) = run.report.runs
        assert run.report.rooms_left == [verdict.room]
        assert f"room not deleted  {verdict.room}" in run.printed
        assert any(f"run {verdict.run_id} could not be ended" in note for note in verdict.notes), verdict


@pytest.mark.parametrize("number", [SIGINT, SIGTERM], ids=["SIGINT", "SIGTERM"])
async def test_a_signal_before_the_suite_is_read(
    number: Signals, scene_with: SceneOf, outputs: Outputs, tmp_path: Path
) -> None:
    """So early it may end as any program does: there is nothing yet to clean up."""
    suite = tmp_path / "pipe.yaml"
    os.mkfifo(suite)
    async with command("run", str(suite), environment={}, folder=tmp_path, outputs=outputs) as run:
        writing = asyncio.create_task(asyncio.to_thread(suite.open, "w"))
        await run.until(writing.done)
        run.send(number)
        assert await run.ended() == 128 + number, run.printed
        assert "Traceback" not in run.printed
        assert run.command_lines() == []
        writing.result().close()


@pytest.mark.parametrize("part", ["livekit-server", "tests.faults.agent"])
@pytest.mark.parametrize("number", [SIGINT, SIGTERM], ids=["SIGINT", "SIGTERM"])
async def test_a_signal_ends_the_sandbox_and_the_worker_too(
    part: str, number: Signals, outputs: Outputs, tmp_path: Path
) -> None:
    (tmp_path / "scenarios.yaml").write_text("41: {name: A talk, talk: [{hear: what nobody says}], patience: 120s}")
    suite = write_suite(tmp_path, worker=AGENT, runs=[{"scenario": 41}])
    arguments = ("run", "--sandbox", str(suite), "--json", "report.json")
    async with command(*arguments, environment={}, folder=tmp_path, outputs=outputs) as run:
        await run.until(lambda: any(part in line for line in run.command_lines()))
        began = time.monotonic()
        run.send(number)
        assert await run.ended() == 128 + number, run.printed
        assert time.monotonic() - began < LAW + GRACE, run.printed
        assert run.command_lines() == []
        assert list(run.temporary.iterdir()) == []


def _running(scene: Scene, at: At, folder: Path) -> AbstractAsyncContextManager[Command]:
    given = {"name": folder.name, "agent_name": scene.worker.agent_name} | dict(at.suite)
    if "worker" in given:
        del given["agent_name"]
    suite = write_suite(folder, **given)
    # What libraries log, too: it is searched for secrets.
    environment = scene.settings.environment | {"CEKURA_KIT_DEBUG": "1"}
    arguments = ("run", str(suite), "--json", "report.json")
    return command(*arguments, environment=environment, folder=folder, outputs=scene.outputs)


async def _nothing_is_left(scene: Scene, run: Command) -> None:
    assert await _rooms(scene) == []
    assert run.command_lines() == []
    assert list(run.temporary.iterdir()) == []
    # An evaluator that was told to go takes a moment to leave its room.
    async with asyncio.timeout(10):
        while any(each.status in ("in_queue", "running") for each in scene.service.runs.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _rooms(scene: Scene) -> list[api.Room]:
    """The rooms of this test's suite."""
    async with api.LiveKitAPI(scene.livekit.url, scene.livekit.api_key, scene.livekit.api_secret) as lkapi:
        listed = await lkapi.room.list_rooms(api.ListRoomsRequest())
    return [room for room in listed.rooms if f'"{scene.folder.name}"' in room.metadata]
