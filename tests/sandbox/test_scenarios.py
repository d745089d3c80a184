"""Scenario files, rule files and fault files, as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cekura_agent_kit.errors import ScenarioError
from cekura_agent_kit.sandbox.cekura.faults import Answer, Faults, RunFault, load_faults
from cekura_agent_kit.sandbox.cekura.played_caller import Caller
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios
from cekura_agent_kit.sandbox.cekura.steps import Step
from cekura_agent_kit.sandbox.models.rules import load_rules

EXAMPLE = Path(__file__).parents[2] / "examples/restaurant"
DOCUMENTATION = Path(__file__).parents[2] / "docs/sandbox.md"


def test_a_scenario_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cekura.scenarios.yaml"
    file.write_text(
        "30:\n  name: Books\n  talk:\n    - hear: welcome\n    - say: A table, please.\n      hear: booked\n"
        "    - say: Bye.\n  outcome: It is booked.\n  patience: 3s\n31: {name: Short, talk: [{say: Hi}]}\n"
    )
    scenarios = load_scenarios(file)
    assert list(scenarios) == [30, 31]
    books = scenarios[30]
    assert [(step.say, step.hear) for step in books.talk] == [
        (None, "welcome"),
        ("A table, please.", "booked"),
        ("Bye.", None),
    ]
    assert (books.outcome, books.patience, scenarios[31].patience) == (("It is booked.",), 3.0, 10.0)


def test_a_caller_stands_in_the_place_of_a_script(tmp_path: Path) -> None:
    file = tmp_path / "cekura.scenarios.yaml"
    file.write_text(
        "30:\n  name: Books\n  caller:\n    persona: In a hurry.\n    goal: Book a table.\n"
        "    facts: {name: Maria, people: 2}\n    turns: 5\n  outcome: [It is booked., Nothing is charged.]\n"
        "31: {name: Short, caller: {goal: Ask., first_message: Hi!}, outcome: It answers.}\n"
    )
    books, short = load_scenarios(file).values()
    assert books.caller is not None
    assert short.caller is not None
    assert (books.caller.goal, books.caller.persona) == ("Book a table.", "In a hurry.")
    assert books.caller.facts == {"name": "Maria", "people": 2}
    assert (books.caller.turns, short.caller.turns, short.caller.first_message) == (5, 20, "Hi!")
    assert (books.statements, books.talk) == (("It is booked.", "Nothing is charged."), ())
    assert short.expected_outcome == "It answers."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml:1: "),
        ("{}", "f.yaml:1: Dictionary should have at least 1 item"),
        ("thirty: {name: A, talk: [{say: Hi}]}", "f.yaml:1: thirty"),
        ("30:\n  name: A\n  talk: []\n", "f.yaml:3: 30.talk"),
        (
            "30:\n  name: A\n  talk:\n    - hear: '(unclosed'\n",
            "f.yaml:4: 30.talk.0.hear: '(unclosed' is not a regular expression",
        ),
        (
            "30:\n  name: A\n  talk:\n    - say: Hi\n    - {}\n",
            "f.yaml:5: 30.talk.1: a step needs one of say, hear, hear_all, hear_any, not_hear, call, no_call, within, "
            "pause, data, silence",
        ),
        ("30:\n  name: A\n  talk: [{say: Hi}]\n  patience: soon\n", "f.yaml:4: 30.patience: 'soon' is not a duration"),
        (
            "30:\n  name: A\n  tlak: [{say: Hi}]\n",
            "f.yaml:3: 30.tlak: unknown key; did you mean talk? allowed: agent, caller, evaluator_tools, folder, "
            "max_duration, name, origin, outcome, patience, profile, scenario_type, tags, talk, tools, "
            "userdata, verdict",
        ),
        ("30:\n  name: A\n", "f.yaml:1: 30: needs `talk`, the caller's script, or `caller`, which a model plays"),
        (
            "30: {name: A, talk: [{say: Hi}], caller: {goal: G}, outcome: O}",
            "30: has both `talk` and `caller`; write one of them",
        ),
        (
            "30: {name: A, caller: {goal: A table.}}",
            "30: `caller` needs `outcome`: what must be true after the call, one statement or a list",
        ),
        ("30: {name: A, caller: {goal: A table.}, outcome: ' '}", "30: `caller` needs `outcome`"),
        ("30: {name: A, caller: {goal: A table.}, outcome: []}", "30.outcome: has no statement; write at least one"),
        ("30: {name: A, caller: {goal: ' '}, outcome: O}", "30.caller.goal: "),
        ("30:\n  name: A\n  outcome: O\n  caller: {goal: G, turns: 0}", "f.yaml:4: 30.caller.turns: "),
        ("30: {name: A, caller: {goal: G, max_tokens: true}, outcome: O}", "30.caller.max_tokens: "),
        (
            "30: {name: A, caller: {goals: G}, outcome: O}",
            "30.caller.goals: unknown key; did you mean goal? allowed: facts, first_message, goal, max_tokens, "
            "persona, turns",
        ),
        ("30: {name: A, talk: [{interrupt: true, hear: a}]}", "f.yaml:1: 30.talk.0: `interrupt` needs `say`"),
        ("30: {name: A, talk: [{silence: 2s, say: Hi}]}", "30.talk.0: `silence` says nothing: it has neither `say`"),
        ("30: {name: A, talk: [{not_hear: ['[']}]}", "30.talk.0.not_hear.0: '[' is not a regular expression"),
        (
            "30: {name: A, talk: [{call: {tol: book}}]}",
            "30.talk.0.call.0.tol: unknown key; did you mean tool? allowed: arguments, tool",
        ),
        ("30: {name: A, talk: [{say: Hi, within: soon}]}", "30.talk.0.within: 'soon' is not a duration"),
        (
            "30: {name: A, talk: [{say: Hi}]}\n30: {name: B, talk: [{say: Hi}]}\n",
            "f.yaml:2: not YAML: the key 30 occurs twice",
        ),
    ],
)
def test_errors_in_a_scenario_file_have_their_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenarios(file)
    assert said in str(caught.value)
    hints = ("cekura-kit schema", "fix the line", "write at least one")
    assert any(hint in caught.value.hint for hint in hints), caught.value.hint


@pytest.mark.parametrize(
    ("load", "text", "said"),
    [
        (load_rules, "rules:\n  - user: hello\n", "f.yaml:2: rules.0: a rule needs `say`, `call` or both"),
        (load_rules, "rules:\n  - {user: a, tool: b, say: c}\n", "a rule has `user` or `tool`, not both"),
        (load_rules, "rules:\n  - {result: a, say: c}\n", "`result` needs `tool`"),
        (load_rules, "rules:\n  - {user: a, say: c, with: {x: 1}}\n", "`with` needs `call`"),
        (load_rules, "rules:\n  - user: '['\n    say: c\n", "f.yaml:2: rules.0.user: '[' is not a regular expression"),
        (
            load_faults,
            "starts:\n  first: {lost: true}\n",
            "'first' is not a number of a request: write 2, 2-5, 3- or all",
        ),
        (load_faults, "runs:\n  '30#x': {}\n", "'30#x' names no run"),
        (load_faults, "runs:\n  30: {evaluator: sings}\n", "f.yaml:2: runs.30.evaluator"),
        (load_faults, "stats: {}\n", "f.yaml:1: stats: unknown key; did you mean starts? allowed: "),
    ],
)
def test_errors_in_rules_and_faults_have_their_line(
    tmp_path: Path, load: Callable[[Path], object], text: str, said: str
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert said in str(caught.value)


def test_the_documentations_files_are_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    for load, text in zip((*[load_scenarios] * 3, load_rules, load_faults), blocks, strict=True):
        file = tmp_path / "f.yaml"
        file.write_text(text)
        load(file)


def test_the_documentation_names_every_key_of_a_step() -> None:
    text = DOCUMENTATION.read_text()
    assert {name for name in Step.model_fields if not re.search(rf"^\| .*`{name}: ", text, re.MULTILINE)} == set()


def test_the_documentation_names_every_key_of_a_caller() -> None:
    text = DOCUMENTATION.read_text()
    assert {name for name in Caller.model_fields if not re.search(rf"^\| `{name}: ", text, re.MULTILINE)} == set()


def test_the_documentation_names_every_fault() -> None:
    text = DOCUMENTATION.read_text()
    names = {name for model in (Faults, Answer, RunFault) for name in model.model_fields}
    assert {name for name in names if not re.search(rf"\b{name}: |`{name}`", text)} == set()


def test_the_example_has_what_it_promises() -> None:
    scenarios = load_scenarios(EXAMPLE / "cekura.scenarios.yaml")
    rules = load_rules(EXAMPLE / "cekura.models.yaml")
    assert len(scenarios) >= 5
    tools = {"check_availability", "book_table", "opening_hours", "text_address"}
    assert {rule.call for rule in rules.rules} == {None, *tools}
