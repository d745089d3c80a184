"""Suites in text and in voice, as a user runs them: the command, a worker with job processes, a server, real audio."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cekura_agent_kit.rehearsal.model import load_model
from cekura_agent_kit.rehearsal.rehearsal import Rehearsal
from cekura_agent_kit.rehearsal.rehearsed_scenario import RehearsedScenario
from cekura_agent_kit.rehearsal.scenario_state import given_to, planned_run
from cekura_agent_kit.rehearsal.transcript import transcript
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.verdict import Line, SuiteVerdict

from .studio import RESTAURANT

# One after the other: two talks in real time are what two cores are asked for.
pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.xdist_group("voice")]

AGENT = RESTAURANT / "agent.py"
BROKEN = Path(__file__).parent / "broken_agent.py"


def run(folder: Path, *runs: dict[str, Any], agent: Path = AGENT, **keys: Any) -> tuple[int, SuiteVerdict, str]:
    suite = {
        "name": "voice",
        "worker": f"{sys.executable} {agent} dev --no-reload",
        "sandbox": str(RESTAURANT / "cekura.scenarios.yaml"),
        "agent_timeout": "60s",
        "runs": runs,
    } | keys
    # JSON is YAML.
    (folder / "cekura.yaml").write_text(json.dumps(suite))
    main = [sys.executable, "-c", "from cekura_agent_kit.cli import main; main()"]
    command = [*main, "run", "--sandbox", "cekura.yaml", "--json", "report.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert (folder / "report.json").exists(), done.stdout + done.stderr
    report = SuiteVerdict.model_validate_json((folder / "report.json").read_text())
    return done.returncode, report, done.stdout + done.stderr


def calls_of(lines: Iterable[Line]) -> list[tuple[Any, ...]]:
    """Return the calls of tools among the lines of a transcript: what was asked, and what the model heard."""
    return [(line.name, line.arguments, line.output, line.is_error) for line in lines if line.role == "tool"]


async def rehearsed(folder: Path, scenario: int) -> list[tuple[Any, ...]]:
    """Rehearse a scenario of the example as the suite in the folder runs it; return the calls of tools."""
    file = load_scenarios(RESTAURANT / "cekura.scenarios.yaml")[scenario]
    given = given_to(scenario, file, planned_run(Suite.load(folder), scenario), {})
    model = load_model(RESTAURANT / "cekura.models.yaml", [RESTAURANT])
    call = Rehearsal(AGENT, llm=model, scenario=scenario, **given)
    await RehearsedScenario(scenario, file, call).run()
    return calls_of(transcript(call))


def test_one_suite_does_the_same_in_a_rehearsal_in_text_and_in_voice(tmp_path: Path) -> None:
    """A tool that runs, one with a double, and one that is refused: the same calls in each report."""
    tools = yaml.safe_load((RESTAURANT / "cekura.yaml").read_text())["tools"]
    code, report, shown = run(
        tmp_path,
        {"scenario": 36, "mode": "text"},
        {"scenario": 36, "mode": "voice"},
        tools=tools,
    )
    assert code == 0, shown
    assert [(run.mode.value, run.outcome.value) for run in report.runs] == [
        ("text", "passed"),
        ("voice", "passed"),
    ]
    words = [[line.text for line in run.transcript if line.role in ("agent", "evaluator")] for run in report.runs]
    assert words[0] == words[1]
    booking = {"day": "Friday", "time": "19:00", "people": 2}
    expected = [
        ("check_availability", booking, "A table for 2 is free on Friday at 19:00.", False),
        (
            "book_table",
            booking | {"name": "Maria"},
            "A table for 2 is booked on Friday at 19:00, in the name of Maria.",
            False,
        ),
        ("text_address", {}, "text_address is not available in a test", True),
    ]
    assert [calls_of(each.transcript) for each in report.runs] == [expected] * 2
    assert asyncio.run(rehearsed(tmp_path, 36)) == expected
    for each in report.runs:
        doubled = [(line.name, line.mocked) for line in each.transcript if line.role == "tool"]
        assert doubled == [("check_availability", False), ("book_table", True), ("text_address", True)]
        assert each.tools == tools
    assert report.rooms_left == []


def test_an_agent_broken_on_purpose_fails_in_both(tmp_path: Path) -> None:
    code, report, shown = run(
        tmp_path, {"scenario": 30, "mode": "text"}, {"scenario": 30, "mode": "voice"}, agent=BROKEN
    )
    assert code == 1, shown
    for each in report.runs:
        assert each.outcome.value == "failed", each
        assert "to hear 'free on friday'" in " ".join(each.explanation)
        assert "no table is free then" in " ".join(each.explanation)
