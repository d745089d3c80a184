"""Test profiles of a plan: read from Cekura before anything is started, in any form in which it may answer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cekura_agent_kit.trigger.cekura.api_scenario import ApiScenario, read_scenario
from cekura_agent_kit.trigger.doctor.profiles import with_profiles
from cekura_agent_kit.trigger.doctor.scenario_checks import ScenarioReport, faults_of
from cekura_agent_kit.trigger.errored import Errored
from tests.planned import PLANNED

ASKS = replace(PLANNED, test_profile=True)
PROFILE = {"main_agent_variables": {"name": "Zoë"}, "testing_agent_variables": {"for": "the evaluator"}}


def report(information: Any) -> ScenarioReport:
    return ScenarioReport({30: ApiScenario(30, profile=information)})


@pytest.mark.parametrize(
    ("record", "profile"),
    [
        ({"id": 1, "name": "Zoë", "information": PROFILE}, PROFILE),
        ({"information": json.dumps(PROFILE)}, PROFILE),
        ({"information": {}}, {}),
        ({"information": [1]}, None),
        ({"information": "Zoë"}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_any_form_of_a_profile_is_read(record: Any, profile: Any) -> None:
    assert read_scenario({"test_profile_data": record}, 30).profile == profile


@pytest.mark.parametrize(
    ("information", "given"),
    [
        (PROFILE, {"name": "Zoë"}),
        ({"testing_agent_variables": {"for": "the evaluator"}}, {}),
        ({"name": "flat", "age": 3}, {"name": "flat", "age": 3}),
    ],
)
def test_the_agent_gets_its_own_part(information: Any, given: Any) -> None:
    (planned,) = with_profiles([ASKS], report(information))
    assert planned.job_keys == {"scenario_id": 30, "test_profile_data": given}


def test_a_run_that_does_not_ask_gets_none_and_one_of_its_own_is_kept() -> None:
    own = replace(PLANNED, test_profile={"name": "own"})
    assert with_profiles([PLANNED, own], ScenarioReport({})) == [PLANNED, own]


def test_a_scenario_without_a_profile_is_named_and_its_run_is_made() -> None:
    known = report(None)
    (planned,) = with_profiles([ASKS], known)
    assert planned.job_keys == {"scenario_id": 30}
    assert list(faults_of(known.known, [ASKS], agent=None)) == [
        "scenario 30 has no test profile on Cekura, and the suite asks for it: its agent gets none"
    ]
    assert list(faults_of(known.known, [PLANNED], agent=None)) == []


@pytest.mark.parametrize(
    ("known", "says"),
    [
        (ScenarioReport({}, unread=(30,)), "the test profile of scenario 30 could not be read from Cekura"),
        (report({"main_agent_variables": 3}), "main_agent_variables is 3, not a mapping; nothing was started"),
        (report({"notes": "x" * 64_000}), "that of a test has 64000 at most; nothing was started"),
    ],
)
def test_a_profile_that_cannot_be_had_or_sent_stops_the_suite_before_it_is_paid_for(
    known: ScenarioReport, says: str
) -> None:
    with pytest.raises(Errored) as raised:
        with_profiles([ASKS], known)
    assert says in str(raised.value)
    assert raised.value.hint
