"""Suites in text and in voice, as a user runs them: the command, a worker with job processes, a server, real audio."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.verdict import SuiteVerdict

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


def test_one_scenario_passes_in_text_and_in_voice(tmp_path: Path) -> None:
    code, report, shown = run(
        tmp_path,
        {"scenario": 30, "mode": "text"},
        {"scenario": 30, "mode": "voice", "repeat": 2},
    )
    assert code == 0, shown
    assert [(run.mode.value, run.outcome.value) for run in report.runs] == [
        ("text", "passed"),
        ("voice", "passed"),
        ("voice", "passed"),
    ]
    words = [[line.text for line in run.transcript if line.role in ("agent", "evaluator")] for run in report.runs]
    assert words[0] == words[1] == words[2]
    for each in report.runs:
        tools = [line for line in each.transcript if line.role == "tool"]
        assert [tool.name for tool in tools] == ["check_availability", "book_table"]
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
