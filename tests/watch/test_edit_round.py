"""One round in memory: which scenarios run, in which order, and what is told of those that fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekura_agent_kit.errors import SuiteError, TargetError
from cekura_agent_kit.watch.edit_round import Round, in_order
from cekura_agent_kit.watch.findings import Broken, Finding, Order, Planned, Result
from cekura_agent_kit.watch.subject import Subject
from cekura_agent_kit.worker.libraries import libraries_of

from .agent_repo import SCENARIOS, TOOLS, made_in


async def found_in(subject: Subject, order: Order | None = None) -> list[Finding]:
    found: list[Finding] = []
    await Round(subject, order or Order(), found.append, lambda: "printed").run()
    return found


async def test_a_failed_scenario_is_told_with_its_talk_and_what_was_printed(tmp_path: Path) -> None:
    subject = made_in(tmp_path, tools=TOOLS.replace("return", "raise ValueError('no sign')\n    return"))
    found = await found_in(subject, Order(failed=frozenset({1})))
    assert len(found) == 3, found
    planned, asks, greets = found
    assert planned == Planned((1, 2), 2)
    assert isinstance(asks, Result)
    assert "to hear 'from noon'. After 'When are you open?' the agent said 'We are open" in asks.problems[0]
    assert "opening_hours() -> failed" in asks.talk
    assert "raised ValueError: no sign" in asks.talk
    assert asks.output == "printed"
    assert isinstance(greets, Result)
    assert (greets.problems, greets.talk, greets.output) == ((), "", "")


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        ("def hours() -> str:\n    return (", "tools.py:2: SyntaxError: '(' was never closed"),
        ("def hours(): ...\n\nraise ValueError('no key')", "tools.py:3: ValueError: no key"),
        ("", "agent.py:3: ImportError: cannot import name 'hours' from 'tools'"),
    ],
)
async def test_what_cannot_be_imported_is_one_sentence(tmp_path: Path, tools: str, reason: str) -> None:
    (broken,) = await found_in(made_in(tmp_path, tools=tools))
    assert isinstance(broken, Broken)
    assert reason in broken.reason


async def test_a_scenario_file_that_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    subject = made_in(tmp_path)
    subject.scenarios.write_text(SCENARIOS.replace("hear: from noon", "heer: from noon"))
    (broken,) = await found_in(subject)
    assert isinstance(broken, Broken)
    assert "cekura.scenarios.yaml:4" in broken.reason


@pytest.mark.parametrize(
    ("done", "failed", "order"),
    [
        ({}, set(), (1, 2, 3)),
        ({}, {3}, (3, 1, 2)),  # the agent changed
        ({1: "a", 2: "old", 3: "c"}, {3}, (2, 3)),  # the scenario file changed
        ({1: "a", 2: "b", 3: "c"}, set(), ()),
        ({1: "a", 2: "b", 3: "c"}, {2, 9}, (2,)),  # 9 was deleted
    ],
)
def test_the_order_of_scenarios(done: dict[int, str], failed: set[int], order: tuple[int, ...]) -> None:
    assert in_order(Order(done, frozenset(failed)), {1: "a", 2: "b", 3: "c"}) == order


def test_libraries_are_told_from_the_agents_own_modules(tmp_path: Path) -> None:
    subject = made_in(
        tmp_path, tools="def hours(): ...\n\ndef later():\n    from email import message\n    import broken("
    )
    assert {"livekit.agents", "livekit.agents.Agent"} <= set(libraries_of(subject.file))
    (tmp_path / "tools.py").write_text("def hours():\n    from email import message\n")
    libraries = set(libraries_of(subject.file))
    assert "email.message" in libraries
    assert not libraries & {"tools", "tools.hours"}


def test_a_suite_beside_the_agent_counts_if_it_is_of_this_agent(tmp_path: Path) -> None:
    subject = made_in(tmp_path)
    suite = tmp_path / "cekura.yaml"
    suite.write_text("name: one\nworker: agent.py\nruns: [{scenario: 1}]\n")
    assert Subject.find(subject.target, None, suite=None, llm="").suite == suite
    suite.write_text("name: other\nworker: tools.py\nruns: [{scenario: 1}]\n")
    assert Subject.find(subject.target, None, suite=None, llm="").suite is None
    assert Subject.find(subject.target, None, suite=tmp_path, llm="own") == Subject(
        subject.target, subject.scenarios, suite, None
    )
    with pytest.raises(SuiteError, match="no such suite file"):
        Subject.find(subject.target, None, suite=tmp_path / "gone.yaml", llm="")
    subject.scenarios.unlink()
    with pytest.raises(TargetError, match=r"no cekura\.scenarios\.yaml beside agent\.py"):
        Subject.find(subject.target, None, suite=None, llm="")
