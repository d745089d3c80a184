"""State and tools that the test of a scenario gives to the agent: by its file, by a suite, and by the marker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.rehearsal.scenario_state import given_to, planned_run
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario, load_scenarios
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.plan.suite_values import seed_of

SCENARIOS = """
30:
  name: Pays
  talk: [{say: hello}]
  tools: {pay: {raises: declined}, look: run}
  profile: {main_agent_variables: {name: Ada}}
31: {name: Asks, talk: [{say: hello}]}
"""
SUITE = """
agent_name: a
tools: {pay: {returns: paid}, "*": refuse}
metadata: {tier: gold}
seed: 7
runs:
- {scenario: 30, test_profile: true, room_metadata: {persona: host}, tools: {look: refuse}, metadata: {tier: iron}}
- {scenario: 30}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cekura.scenarios.yaml").write_text(SCENARIOS)
    (tmp_path / "cekura.yaml").write_text(SUITE)
    return tmp_path


def given(folder: Path, number: int, *, suite: bool, **options: Any) -> dict[str, Any]:
    scenario: Scenario = load_scenarios(folder / "cekura.scenarios.yaml")[number]
    planned = planned_run(Suite.load(folder), number) if suite else None
    return given_to(number, scenario, planned, options)


def test_without_a_suite_the_scenario_gives_its_tools(folder: Path) -> None:
    own = {"pay": {"raises": "declined"}, "look": "run"}
    assert given(folder, 30, suite=False) == {"tools": own, "test_profile": None, "seed": None}


def test_a_suite_gives_what_it_gives_to_its_first_run_of_the_scenario(folder: Path) -> None:
    assert given(folder, 30, suite=True) == {
        "tools": {"pay": {"raises": "declined"}, "look": "refuse", "*": "refuse"},
        "test_profile": {"main_agent_variables": {"name": "Ada"}},
        "room_metadata": {"persona": "host"},
        "metadata": {"tier": "iron"},
        "seed": seed_of(7, "30#1"),
    }
    assert given(folder, 31, suite=True) == {"tools": {}, "test_profile": None, "seed": None}


def test_options_of_the_marker_win_and_a_tool_by_name(folder: Path) -> None:
    def fake() -> str:
        return "fake"

    options: dict[str, Any] = {"tools": {"pay": fake}, "test_profile": {"name": "Bo"}, "seed": 8, "metadata": {}}
    changed = given(folder, 30, suite=True, **options)
    assert changed["tools"] == {"pay": fake, "look": "refuse", "*": "refuse"}
    assert (changed["test_profile"], changed["metadata"]) == ({"name": "Bo"}, {})
    assert changed["seed"] == seed_of(8, "30#1")
