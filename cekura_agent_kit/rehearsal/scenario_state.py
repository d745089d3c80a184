"""State and tools that the agent is given in a rehearsal: those of the scenario, of a suite, of a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..sandbox.cekura.scenarios import Scenario
from ..trigger.plan.planned_run import PlannedRun
from ..trigger.plan.suite import Suite
from ..trigger.plan.suite_values import seed_of

__tracebackhide__ = True


def planned_run(suite: Suite, scenario: int) -> PlannedRun | None:
    """Return the suite's first run of a scenario, with its seed if the suite has one; None if it has no such run."""
    planned = next((planned for planned in suite.plan() if planned.scenario == scenario), None)
    if planned is None or planned.seed is not None or suite.seed is None:
        return planned
    return replace(planned, seed=suite.seed)


def given_to(number: int, scenario: Scenario, planned: PlannedRun | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the agent is given in a scenario's test.

    Args:
        number: id of the scenario.
        scenario: of the scenario file.
        planned: its run in a suite.
        options: of the marker; they win, in `tools` tool by tool.
    """
    given: dict[str, Any] = {"tools": scenario.tools, "test_profile": False, "seed": None}
    if planned is not None:
        for key in ("metadata", "room_metadata", "test_profile", "tools", "seed"):
            given[key] = getattr(planned, key)
    given |= {key: value for key, value in options.items() if key in given and key != "tools"}
    given["tools"] = {**given["tools"], **(options.get("tools") or {})}
    if isinstance(given["test_profile"], bool):
        given["test_profile"] = scenario.profile if given["test_profile"] else None
    if scenario.userdata is not None and "userdata" not in options:
        given["userdata"] = scenario.userdata
    if given["seed"] is not None:
        given["seed"] = seed_of(given["seed"], f"{number}#1")
    return given
