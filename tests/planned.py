"""A planned run, for tests of what follows from a plan."""

from __future__ import annotations

from typing import Final

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.trigger.plan.planned_run import PlannedRun

PLANNED: Final = PlannedRun(
    case="30#1",
    entry="30 text",
    scenario=30,
    occurrence=1,
    mode=Mode.TEXT,
    timeout=60,
    metadata={},
    room_metadata={},
    test_profile=False,
    tools={},
    seed=None,
    publish_data_message=None,
    max_reply=None,
    unscored="error",
)
