"""A part of the table of ends: each command, and each way to end one. ``python -m tests.faults.ends`` tries all."""

from __future__ import annotations

import pytest

from cekura_agent_kit.trigger.sweep import sweep
from tests.faults.ends import ENDS, end_at, expected
from tests.faults.scene import SceneOf
from tests.faults.stages import STAGES, rooms

pytestmark = pytest.mark.server

IN_THE_GATE = [
    ("run: they talk", "SIGHUP"),
    ("run: they talk", "SIGINT twice, 0.02 s"),
    ("run: they talk", "closed terminal"),
    ("run --sandbox: they talk", "SIGINT twice, 0.25 s"),
    ("run --sandbox: the server starts", "SIGTERM"),
    ("doctor: the agent is awaited", "SIGTERM"),
    ("sandbox: it is up", "closed terminal"),
    ("sweep: LiveKit is asked", "SIGINT"),
    ("worker: a job runs", "SIGHUP"),
    ("report: a report is read", "closed terminal"),
    ("bench: a turn is measured", "SIGTERM"),
]


@pytest.mark.parametrize(("stage", "end"), IN_THE_GATE, ids=[" | ".join(each) for each in IN_THE_GATE])
async def test_nothing_is_left(stage: str, end: str, scene_with: SceneOf) -> None:
    async with scene_with() as scene:
        left = await end_at(STAGES[stage], ENDS[end], scene)
    assert left == expected(STAGES[stage], ENDS[end])


async def test_sweep_ends_the_run_and_deletes_the_room_of_a_command_that_was_killed(scene_with: SceneOf) -> None:
    stage, end = STAGES["run: they talk"], ENDS["SIGKILL"]
    async with scene_with() as scene:
        assert await end_at(stage, end, scene) == expected(stage, end)
        (room,) = await rooms(scene)
        swept = await sweep(scene.settings, rooms=[room.name])
        assert swept.deleted == (room.name,)
        assert [each.run_id for each in swept.chosen] == list(scene.service.runs)
        assert scene.service.requests["ends"] == 1
        assert await rooms(scene) == []
