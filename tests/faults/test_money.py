"""Plans that must cost nothing: those refused or only shown. The real command, and services that would notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.command import command, write_suite
from tests.faults.scene import Scene, rooms_of

pytestmark = pytest.mark.server

TWO = [{"scenario": 30, "repeat": 2}]


@pytest.mark.parametrize(
    ("arguments", "values", "code", "says"),
    [
        (
            ["--dry-run"],
            {"runs": TWO},
            0,
            "2 runs, POST /test_framework/v1/scenarios-external/run_scenarios_livekit_chat/",
        ),
        (["--dry-run"], {"runs": TWO}, 0, "billed 0.5 credit a message"),
        ([], {"runs": TWO, "max_runs": 1}, 2, "the plan has 2 runs, and max_runs is 1"),
        (["--max-runs", "1"], {"runs": TWO}, 2, "the plan has 2 runs, and max_runs is 1"),
        ([], {"runs": [{"scenario": 30, "repeat": 10**9}]}, 2, "runs.0.repeat"),
        (
            [],
            {"runs": TWO, "max_credits": 9.5},
            2,
            "the plan costs about 10 credits (estimated: 2 text runs",
        ),
        (["--max-credits", "9"], {"runs": TWO}, 2, "each assumed), and max_credits is 9"),
        ([], {"metadata": {"text_mode": True}}, 2, "'text_mode' is written by the kit"),
        (["--shard", "2/2"], {}, 2, "the plan has no run"),
        ([], {"runs": [{"scenario": 30, "mode": "voice", "publish_data_message": {}}]}, 2, "in text runs only"),
    ],
    ids=[
        "dry-run",
        "dry-run-bill",
        "max_runs",
        "max-runs-flag",
        "repeat",
        "max_credits",
        "max-credits-flag",
        "reserved-metadata",
        "empty-shard",
        "message",
    ],
)
async def test_nothing_is_started(
    arguments: list[str], values: dict[str, Any], code: int, says: str, scene: Scene, tmp_path: Path
) -> None:
    before = await rooms_of(scene.livekit)
    suite = write_suite(tmp_path, **({"agent_name": scene.worker.agent_name} | values))
    environment = scene.settings.environment
    async with command(
        "run", str(suite), *arguments, environment=environment, folder=tmp_path, outputs=scene.outputs
    ) as run:
        assert await run.ended() == code, run.printed
    assert says in run.printed
    assert "Traceback" not in run.printed
    assert scene.service.requests["starts"] == 0
    assert scene.jobs == 0
    assert await rooms_of(scene.livekit) == before
