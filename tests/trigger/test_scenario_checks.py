"""Scenarios of a plan, checked before anything is started: every shape of a record, and what makes a run worthless."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.trigger.cekura.api_scenario import ApiScenario, read_scenario
from cekura_agent_kit.trigger.cekura.client import Cekura
from cekura_agent_kit.trigger.doctor.scenario_checks import ScenarioReport, check_scenarios, faults_of
from cekura_agent_kit.trigger.plan.planned_run import PlannedRun
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.settings.settings import Settings

FUZZ = int(os.environ.get("FUZZ", "300"))
REFUSED = {"all": {"status": 403, "body": '{"detail": "No."}'}}
GOOD = ApiScenario(30, agent=812, metrics=("Tone",), expected_outcome="Booked.", tools=("TOOL_END_CALL",))


def plan(*scenarios: int, timeout: str = "5m") -> list[PlannedRun]:
    runs = [{"scenario": each} for each in scenarios]
    return Suite.model_validate({"agent_name": "a", "mode": "text", "timeout": timeout, "runs": runs}).plan()


def faults(*scenarios: ApiScenario, agent: int | None = 812) -> list[str]:
    return list(faults_of({each.id: each for each in scenarios}, plan(*(each.id for each in scenarios)), agent=agent))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"metrics": ()}, "scenario 30 has no metric"),
        ({"expected_outcome": ""}, "scenario 30 has no expected outcome"),
        ({"tools": ("TOOL_DTMF",)}, "scenario 30 lacks the tool TOOL_END_CALL"),
        ({"tools": ()}, "scenario 30 lacks the tool TOOL_END_CALL"),
        ({"agent": 7}, "scenario 30 belongs to agent 7 on Cekura, and the suite names agent 812"),
        ({"max_duration": 301}, "max_duration 301 is beyond the run's timeout of 300 s: raise"),
        ({"max_duration": 6}, "max_duration 6 is beyond the run's timeout of 300 s if it is in minutes"),
    ],
)
def test_each_fault_is_named_with_its_scenario(fields: dict[str, Any], fault: str) -> None:
    found = faults(ApiScenario(**(vars(GOOD) | fields)))

    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"metrics": None, "expected_outcome": None, "tools": None, "agent": None, "max_duration": None},
        {"max_duration": 5},
    ],
)
def test_what_is_good_or_not_known_is_no_fault(fields: dict[str, Any]) -> None:
    assert faults(ApiScenario(**(vars(GOOD) | fields))) == []
    assert faults(ApiScenario(**(vars(GOOD) | {"agent": 7})), agent=None) == []


def test_scenarios_with_the_same_fault_are_named_together() -> None:
    found = faults(ApiScenario(30, metrics=()), ApiScenario(31, metrics=()), GOOD.__class__(32, metrics=("a",)))

    assert [each.split(":")[0] for each in found] == ["each of the scenarios 30, 31 has no metric"]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (["Tone", "Expected Outcome"], ("Tone", "Expected Outcome")),
        ("Tone, Expected Outcome", ("Tone", "Expected Outcome")),
        ('["Tone"]', ("Tone",)),
        ([{"id": 5, "name": "Tone"}, {"id": 6}], ("Tone", "6")),
        ("", ()),
        ([], ()),
        (None, ()),
        (5, None),
        ({"a": 1}, None),
    ],
)
def test_names_come_in_many_shapes(value: Any, names: tuple[str, ...] | None) -> None:
    assert read_scenario({"metric_names": value}, 30).metrics == names


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("name", "agent", "metric_names", "metrics", "tool_ids", "expected_outcome_prompt", "max_duration")


@settings(max_examples=FUZZ, deadline=None)
@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)))
def test_any_record_is_read(value: Any) -> None:
    scenario = read_scenario(value, 30)

    assert scenario.id == 30
    assert all(isinstance(each, str) for each in faults(scenario))


async def checked(
    stored: dict[int, Scenario], planned: list[PlannedRun], *, agent: int | None = None, **faulty: Any
) -> tuple[ScenarioReport, CekuraService]:
    async with CekuraService(stored, faults=Faults.model_validate(faulty), join=False) as service:
        values = {key.lower(): value for key, value in service.environment.items()}
        livekit = {"livekit_url": "wss://example.com", "livekit_api_key": "k", "livekit_api_secret": "s"}
        async with Cekura(Settings.model_validate(values | livekit)) as cekura:
            return await check_scenarios(cekura, planned, agent=agent), service


def scenario(**fields: Any) -> Scenario:
    return Scenario.model_validate({"name": "Books", "talk": [{"say": "hello"}], "outcome": "Booked."} | fields)


async def test_each_scenario_is_read_once_and_unknown_ids_are_listed() -> None:
    scenarios = {30: scenario(), 31: scenario(evaluator_tools=[])}
    report, service = await checked(scenarios, plan(30, 404, 31, 30, 405))

    assert (sorted(report.known), report.unknown, report.unread) == ([30, 31], (404, 405), ())
    assert service.requests["scenarios"] == 4
    assert [fault.split(" lacks")[0] for fault in report.faults] == ["scenario 31"]


async def test_a_scenario_that_cannot_be_read_is_no_fault() -> None:
    report, _ = await checked(
        {30: scenario()}, plan(30), scenarios={"all": {"status": 403, "body": '{"detail": "No."}'}}
    )

    assert (report.known, report.unknown, report.unread, report.faults) == ({}, (), (30,), ())
