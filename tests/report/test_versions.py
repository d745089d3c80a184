"""A scenario or an agent that was changed on Cekura between two reports: told, and only if it is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.report.compare import compared
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.trigger.cekura.api_models import read_runs
from cekura_agent_kit.trigger.cekura.api_scenario import read_scenario
from tests.hosted import hosted
from tests.report.verdicts import run, suite

PASSES = {"status": "completed", "success": True, "evaluation": {"metrics": [{"eval_type": "binary", "passed": True}]}}
SCENARIO = "the scenario was changed on Cekura"


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ({"scenario_version": "a"}, {"scenario_version": "a"}, []),
        ({"scenario_version": "a"}, {"scenario_version": "b"}, [SCENARIO]),
        ({"scenario_version": ""}, {"scenario_version": "b"}, []),
        ({"scenario_version": "a"}, {"scenario_version": ""}, []),
        ({"agent_version": "2"}, {"agent_version": "3"}, ["the agent's version on Cekura is 3, and was 2"]),
        ({"agent_version": ""}, {"agent_version": "3"}, []),
    ],
)
def test_a_change_is_told_if_both_sides_are_known(
    before: dict[str, Any], now: dict[str, Any], changed: list[str]
) -> None:
    verdict = compared(suite(run(1, **now)), [suite(run(1, **before))])

    assert verdict.comparison is not None
    assert verdict.comparison.pools[0].changed == changed
    assert [each.split(":")[0] for each in verdict.notes] == [f"since the baseline {each}" for each in changed]


@pytest.mark.parametrize(
    ("field", "value", "differs"),
    [
        ("instructions", "Be rude.", True),
        ("expected_outcome_prompt", "Nothing.", True),
        ("tool_ids", [], True),
        ("test_profile_data", {"information": {"name": "Bo"}}, True),
        ("name", "Renamed", False),
        ("tags", ["new"], False),
        ("folder_path", "Elsewhere", False),
        ("updated_at", "2026-03-01T09:30:00Z", False),
    ],
)
def test_a_fingerprint_is_of_what_decides_a_run(field: str, value: Any, differs: bool) -> None:
    record: dict[str, Any] = {
        "name": "Books",
        "instructions": "Book a table.",
        "expected_outcome_prompt": "It is booked.",
        "tool_ids": ["TOOL_END_CALL"],
        "test_profile_data": {"information": {"name": "Ada"}},
    }
    first, second = read_scenario(record, 30).version, read_scenario(record | {field: value}, 30).version

    assert len(first) == 12
    assert (first != second) is differs
    assert read_scenario({"name": "Books"}, 30).version == read_scenario(None, 30).version == ""


@pytest.mark.parametrize(
    ("value", "version"),
    [
        ("v3", "v3"),
        (3, "3"),
        ({"id": 9, "version": 3}, "3"),
        ({"id": 9}, "9"),
        (None, ""),
        ([], ""),
        (True, ""),
        ({}, ""),
    ],
)
def test_an_agents_version_has_many_shapes(value: Any, version: str) -> None:
    assert read_runs([{"id": 1, "agent_version": value}])[0].agent_version == version


def test_what_was_changed_between_two_runs_is_told(tmp_path: Path) -> None:
    before = tmp_path / "main.json"
    with hosted((30, 31)) as services:
        services.cekura.fields = {30: PASSES, 31: PASSES | {"agent_version": "2"}}
        before.write_text(services.run((30, 31)).reports["json"])
        edited = {"name": "A talk", "talk": [{"say": "hello", "hear": "welcome"}], "verdict": {"metrics": []}}
        services.cekura.scenarios[30] = Scenario.model_validate(edited)
        services.cekura.fields = {30: PASSES, 31: PASSES | {"agent_version": "3"}}
        done = services.run((30, 31), "--baseline", str(before))

    assert done.code == 0, done.printed
    pools = json.loads(done.reports["json"])["comparison"]["pools"]
    assert {pool["scenario"]: pool["changed"] for pool in pools} == {
        30: [SCENARIO],
        31: ["the agent's version on Cekura is 3, and was 2"],
    }
    assert f"since the baseline {SCENARIO}: 30" in done.printed
    assert "since the baseline the agent's version on Cekura is 3, and was 2: 31" in done.reports["markdown"]
