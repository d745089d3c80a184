"""`cekura-kit pull`, through its own door, against the stand-in: what is written, what stays, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario, load_scenarios
from cekura_agent_kit.trigger.cekura import scenario_list
from tests.hosted import Hosted, hosted

FILE = "cekura.scenarios.yaml"
TALK: dict[str, Any] = {
    "name": "Books a table",
    "talk": [{"say": "A table for two: tonight # 1."}],
    "outcome": "A table is booked.\nThe time is confirmed.",
    "tags": ["smoke"],
    "folder": "Booking.Happy path",
    "profile": {"testing_agent_variables": {"phone": "0123"}, "main_agent_variables": {"tier": "gold"}},
}
BY_HAND = """\
# Ours.
5502:
  name: Ours
  talk:
    - {say: hello}   # greets

# The end.
"""


def stored(**fields: Any) -> Scenario:
    return Scenario.model_validate(TALK | fields)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosted]:
    """The stand-in with three scenarios, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    with hosted([], Faults()) as found:
        found.cekura.change(5501, stored())
        found.cekura.change(5502, stored(name="Refund"))
        found.cekura.change(5503, stored(name="Complains", tags=["other"], folder="", profile=None))
        yield found


def read() -> str:
    return Path(FILE).read_text("utf-8")


def edited(old: str, new: str) -> None:
    text = read()
    assert old in text
    Path(FILE).write_text(text.replace(old, new, 1), "utf-8")


def test_a_scenario_is_one_whose_caller_a_model_plays_with_its_origin(services: Hosted) -> None:
    code, printed = services.command("pull", "--scenario", "5501")

    assert code == 0, printed
    pulled = load_scenarios(Path(FILE))[5501]
    assert (pulled.name, pulled.agent, pulled.tags, pulled.folder) == (
        *("Books a table", 812, ("smoke",)),
        "Booking.Happy path",
    )
    assert "A table for two: tonight # 1." in read()
    assert "phone: '0123'" in read()
    assert pulled.profile == TALK["profile"]
    assert pulled.caller is not None
    assert pulled.caller.first_message == "A table for two: tonight # 1."
    assert pulled.caller.facts == {"phone": "0123"}
    assert pulled.origin is not None
    assert pulled.origin.cekura == 5501
    assert "new             5501  Books a table" in printed
    assert f"1 scenario written to {FILE}" in printed


def test_the_lines_of_a_list_are_statements_of_their_own(services: Hosted) -> None:
    services.cekura.change(5501, stored(outcome="- A table is booked.\n- The time is confirmed."))
    services.cekura.change(5502, stored(outcome="1. A table is booked.\nIf not, why."))
    services.command("pull", "--agent", "812")
    scenarios = load_scenarios(Path(FILE))
    assert scenarios[5501].statements == ("A table is booked.", "The time is confirmed.")
    assert scenarios[5502].statements == ("1. A table is booked.\nIf not, why.",)


def test_the_entry_does_not_depend_on_the_door_and_is_written_once(services: Hosted) -> None:
    services.command("pull", "--scenario", "5501")
    one = read()
    code, printed = services.command("pull", "--tag", "smoke", "--folder", "Booking")
    assert code == 0
    assert "unchanged       5501" in printed
    assert "new             5502" in printed
    assert read().startswith(one)

    whole = read()
    code, printed = services.command("pull", "--agent", "812", "--tag", "smoke")
    assert (code, read()) == (0, whole)
    assert f"{FILE} is up to date" in printed


def test_what_changed_there_is_shown_and_written(services: Hosted, tmp_path: Path) -> None:
    services.command("pull", "--agent", "812")
    before = read()
    services.cekura.change(5503, stored(name="Complains", outcome="A person is called."))
    services.cekura.change(5501, None)

    code, printed = services.command("pull", "--agent", "812", "--dry-run", "--json", str(tmp_path / "out.json"))
    assert (code, read()) == (0, before)
    assert f"--- {FILE}\n+++ {FILE} (Cekura)" in printed
    assert "-    A table is booked." in printed
    assert "+  outcome: A person is called." in printed
    assert "changed         5503  Complains" in printed
    assert "gone            5501" in printed
    written = json.loads((tmp_path / "out.json").read_text())
    assert (written["written"], [each["state"] for each in written["scenarios"]]) == (
        False,
        ["gone", "unchanged", "changed"],
    )
    assert written["diff"] in printed

    code, _ = services.command("pull", "--agent", "812")
    assert code == 0
    assert load_scenarios(Path(FILE)).keys() == {5501, 5502, 5503}
    assert "A person is called." in read()
    code, _ = services.command("pull", "--agent", "812", "--prune")
    assert code == 0
    assert load_scenarios(Path(FILE)).keys() == {5502, 5503}


def test_what_a_person_wrote_stays_to_the_letter(services: Hosted) -> None:
    Path(FILE).write_bytes(BY_HAND.replace("\n", "\r\n").encode())
    code, printed = services.command("pull", "--agent", "812")

    assert code == 0
    assert "written by hand 5502  Refund: a person wrote it under this id, and it stays the default" in printed
    text = Path(FILE).read_bytes().decode()
    assert text.startswith(BY_HAND.replace("\n", "\r\n"))
    assert "\n" not in text.replace("\r\n", "")
    assert load_scenarios(Path(FILE))[5502].name == "Ours"


def test_comments_around_a_pulled_scenario_stay(services: Hosted) -> None:
    services.command("pull", "--scenario", "5503")
    Path(FILE).write_text(f"# Before.\n\n{read()}\n# After.\n\n# The end.\n")
    services.cekura.change(5503, stored(name="Complains", outcome="A person is called."))
    code, printed = services.command("pull", "--agent", "812")
    assert code == 0, printed
    assert "A person is called." in read()
    assert read().startswith("# Before.\n\n")
    assert "\n\n# After.\n\n# The end.\n\n5501:" in read()


def test_a_scenario_that_was_deleted_there_is_gone(services: Hosted) -> None:
    services.command("pull", "--scenario", "5503")
    services.cekura.change(5503, None)
    code, printed = services.command("pull", "--scenario", "5503")
    assert code == 0
    assert "gone            5503  Complains" in printed
    services.command("pull", "--scenario", "5503", "--prune")
    assert "5503" not in read()
    code, _ = services.command("pull", "--scenario", "5501")
    assert code == 0
    assert load_scenarios(Path(FILE)).keys() == {5501}


def test_what_was_edited_here_alone_stays(services: Hosted) -> None:
    services.command("pull", "--agent", "812")
    edited("name: Complains", "name: Complains loudly")
    mine = read()

    code, printed = services.command("pull", "--agent", "812")
    assert (code, read()) == (0, mine)
    assert "edited here     5503" in printed
    code, _ = services.command("pull", "--agent", "812", "--force")
    assert code == 0
    assert "name: Complains\n" in read()


@pytest.mark.parametrize(
    ("old", "new"), [("name: Complains", "name: Complains loudly"), ("  agent: 812\n", "  agent: 812 # mine\n")]
)
def test_what_was_edited_on_both_sides_is_never_overwritten_in_silence(services: Hosted, old: str, new: str) -> None:
    services.command("pull", "--scenario", "5503")
    services.command("pull", "--scenario", "5501")
    edited(old, new)
    mine = read()
    services.cekura.change(5501, stored(outcome="A table outside is booked."))
    services.cekura.change(5503, stored(name="Complains", outcome="A person is called."))

    code, printed = services.command("pull", "--agent", "812")
    assert (code, read()) == (2, mine)
    assert "edited here since the last pull, and changed on Cekura: 5503. Nothing was written" in printed
    assert "+  outcome: A person is called." in printed

    code, _ = services.command("pull", "--agent", "812", "--keep")
    assert code == 0
    assert new.strip() in read()
    assert "A table outside is booked." in read()
    assert "A person is called." not in read()
    code, _ = services.command("pull", "--agent", "812", "--force")
    assert code == 0
    assert new.strip() not in read().replace("agent: 812\n", "")
    assert "A person is called." in read()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"scenario_type": "real_world_fixed"}, "it plays a recorded call word for word"),
        ({"scenario_type": "conditional_actions"}, "its caller follows conditions and fixed messages"),
        ({"outcome": ""}, "it has no expected outcome"),
    ],
)
def test_what_a_model_cannot_play_is_left_out_with_a_sentence(
    services: Hosted, fields: dict[str, Any], reason: str
) -> None:
    services.cekura.change(5501, stored(**fields))
    code, printed = services.command("pull", "--agent", "812")
    assert code == 0
    assert "refused         5501  Books a table: " in printed
    assert reason in printed
    assert load_scenarios(Path(FILE)).keys() == {5502, 5503}

    code, printed = services.command("pull", "--scenario", "5501")
    assert code == 2
    assert "none of these scenarios can be played by a model" in printed


def test_a_scenario_that_became_unplayable_stays_in_the_file(services: Hosted) -> None:
    services.command("pull", "--scenario", "5501")
    before = read()
    services.cekura.change(5501, stored(scenario_type="conditional_actions"))
    _, printed = services.command("pull", "--agent", "812", "--dry-run")
    assert "; the entry of an earlier pull stays" in printed
    assert read() == before


def test_without_a_choice_those_of_the_suite(services: Hosted) -> None:
    code, printed = services.command("pull")
    assert code == 2
    assert "no scenario is chosen, and there is no suite here" in printed

    runs = [{"scenario": 5503}, {"select": {"folder": "Booking"}, "mode": "text"}, {"scenario": 5503, "mode": "text"}]
    Path("cekura.yaml").write_text(json.dumps({"agent_name": "a", "sandbox": "mine.yaml", "runs": runs}))
    code, printed = services.command("pull")
    assert code == 0, printed
    assert load_scenarios(Path("mine.yaml")).keys() == {5501, 5502, 5503}


def test_many_are_read_in_pages(services: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_list, "PAGE", 7)
    for number in range(6000, 6037):
        services.cekura.change(number, stored(name=f"Talk {number}", outcome=f"Table {number} is booked."))
    asked = services.cekura.requests["scenarios"]
    code, printed = services.command("pull", "--agent", "812")

    assert code == 0
    assert "40 scenarios: 40 new. 40 scenarios written" in printed
    assert services.cekura.requests["scenarios"] - asked == 6
    services.cekura.change(6036, stored(name="Talk 6036", outcome="No table is free."))
    _, printed = services.command("pull", "--agent", "812")
    assert [line for line in printed.splitlines() if line.startswith(("+  ", "-  ")) and "outcome" in line] == (
        ["-  outcome: Table 6036 is booked.", "+  outcome: No table is free."]
    )
    assert "40 scenarios: 39 unchanged, 1 changed. 1 scenario written" in printed


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("5501: {name: Faulty}\n", f"{FILE}:1: "),
        ('{"5501": {"name": "Ours", "talk": [{"say": "hello"}]}}\n', "its scenarios are not on lines of their own"),
        (
            "scenarios:\n  - {label: Theirs, instructions: Ask., agent_expectations: It answers.}\n",
            "it has scenarios for LiveKit's simulator",
        ),
        ("5501:\n  name: Ours\n  talk: [{say: hello}]\n...\n", "cannot be edited"),
    ],
)
def test_a_file_that_cannot_be_edited_stays_as_it_is(services: Hosted, text: str, error: str) -> None:
    Path(FILE).write_text(text)
    code, printed = services.command("pull", "--scenario", "5503")
    assert (code, read()) == (2, text)
    assert error in printed


def test_an_unknown_id_and_contradicting_options_are_refused(services: Hosted) -> None:
    code, printed = services.command("pull", "--scenario", "9999")
    assert code == 2
    assert "Cekura knows no scenario 9999" in printed
    code, printed = services.command("pull", "--scenario", "5501", "--force", "--keep")
    assert code == 2
    assert "--force and --keep contradict each other" in printed
    assert not Path(FILE).exists()


def test_a_file_that_cannot_be_written_is_told(services: Hosted, tmp_path: Path) -> None:
    (tmp_path / "folder").touch()
    code, printed = services.command("pull", "--scenario", "5501", "--to", "folder/of/none.yaml")
    assert code == 2
    assert "folder/of/none.yaml: cannot be written" in printed
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder"]
