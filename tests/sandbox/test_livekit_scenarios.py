"""Scenario files of LiveKit's simulator: read as they are, wherever a scenario file can be named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf import json_format
from livekit.protocol import agent_simulation

from cekura_agent_kit import ScenarioError
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios
from cekura_agent_kit.trigger.plan.livekit_scenarios import number_of
from cekura_agent_kit.trigger.plan.suite import Suite

FILES = Path(__file__).parents[1] / "data/livekit"
SEEDED = number_of("One slot is free")


def test_each_scenario_has_a_caller_that_a_model_plays() -> None:
    first, second = load_scenarios(FILES / "booking.yaml").values()
    assert (first.name, second.name) == ("Books a table for two", "Wants a table on a day when it is closed")
    assert first.tags == ("feature:booking", "difficulty:1")
    assert first.folder == "Booking"
    assert first.expected_outcome.startswith("The agent books a table for two on Friday at 19:00")
    assert not first.talk
    (question,) = load_scenarios(FILES / "questions.yaml").values()
    assert (question.tags, question.userdata) == ((), {})
    seeded, _ = load_scenarios(FILES / "seeded.yaml").values()
    assert seeded.userdata is not None
    assert seeded.userdata["expected"] == {"booked": None, "people": 2}


def test_an_id_stays_when_others_come_and_go(tmp_path: Path) -> None:
    text = (FILES / "booking.yaml").read_text()
    before = load_scenarios(FILES / "booking.yaml")
    assert all(len(str(number)) == 9 for number in before)
    head, _, second = text.split("  - id: ")
    file = tmp_path / "moved.yaml"
    file.write_text(f"{head}  - {{label: New, instructions: Ask., agent_expectations: It answers.}}\n  - id: {second}")
    moved = load_scenarios(file)
    assert set(moved) & set(before) == {list(before)[1]}

    # Its own id counts, where it has one; else its label does.
    file.write_text(text.replace("Books a table for two", "Books"))
    assert list(load_scenarios(file)) == list(before)
    file.write_text(text.replace("  - id: SCN_2bNp8sWfYdLe\n    label", "  - label"))
    label, _ = load_scenarios(file)
    assert label == number_of("Books a table for two")
    assert label not in before


def test_two_scenarios_of_one_label_are_two(tmp_path: Path) -> None:
    scenario = "  - {label: Same, instructions: Ask., agent_expectations: It answers.}\n"
    (tmp_path / "same.yaml").write_text(f"scenarios:\n{scenario}{scenario}")
    assert len(load_scenarios(tmp_path / "same.yaml")) == 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("scenarios:\n- {label: A, instructions: Ask.}\n", "scenarios.0.agent_expectations: is required"),
        ("scenarios:\n- {label: A, instructions: Ask., agent_expectations: ' '}\n", "scenarios.0.agent_expectations: "),
        ("scenarios:\n- {instructions: Ask., agent_expectations: It does.}\n", "scenarios.0.label: is required"),
        (
            "scenarios:\n- {label: A, instructions: Ask., agent_expectations: B, userdata: [1]}\n",
            "scenarios.0.userdata: ",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(tmp_path: Path, text: str, error: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as raised:
        load_scenarios(file)
    assert f"{file}:2: {error}" in str(raised.value)


def test_its_userdata_is_given_to_the_agent(tmp_path: Path) -> None:
    file = tmp_path / "cekura.yaml"
    file.write_text(f"agent_name: a\nsandbox: {FILES / 'seeded.yaml'}\nmode: text\nruns: [{{scenario: {SEEDED}}}]\n")
    (planned,) = Suite.load(file).plan()
    dispatch = json_format.Parse(planned.job_attributes["lk.simulator.dispatch"], agent_simulation.SimulationDispatch())
    assert json.loads(dispatch.scenario.userdata)["slots"] == ["2026-06-15T10:00"]
    assert (dispatch.scenario.label, dict(dispatch.scenario.tags)) == (
        "One slot is free",
        {"feature": "calendar", "smoke": ""},
    )
