"""A caller that a model plays, in real rooms: the command, a worker, a server; in text and in voice."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.verdict import SuiteVerdict

from .endpoint import BOOKS, RESTAURANT, endpoint, played, variables

MAYBE = {
    "user": "Statement: The agent is polite",
    "call": "submit_verdict",
    "with": {"verdict": "maybe", "reasoning": "Who knows."},
}


def suite_in(folder: Path, *runs: dict[str, Any]) -> list[str]:
    (folder / "cekura.models.yaml").write_text((RESTAURANT / "cekura.models.yaml").read_text())
    scenarios = {
        30: played(patience=20),
        31: played(patience=20, outcome=["A table is booked.", "The agent is polite."]),
    }
    written = {number: each.model_dump(mode="json", exclude_defaults=True) for number, each in scenarios.items()}
    (folder / "cekura.scenarios.yaml").write_text(json.dumps(written))
    suite = {
        "worker": f"{sys.executable} {RESTAURANT / 'agent.py'} dev --no-reload",
        "agent_timeout": "60s",
        "runs": runs,
    }
    (folder / "cekura.yaml").write_text(json.dumps(suite))
    return [sys.executable, "-m", "cekura_agent_kit", "run", "--sandbox", "cekura.yaml", "--json", "report.json"]


def environment(**changes: str) -> dict[str, str]:
    names = ("CEKURA_KIT_LLM_URL", "CEKURA_KIT_LLM_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL")
    return {name: value for name, value in os.environ.items() if name not in names} | changes


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.xdist_group("voice")
async def test_a_model_books_a_table_in_text_and_in_voice(tmp_path: Path) -> None:
    # Voice has no full stops.
    voice = {**BOOKS[3], "user": "one moment.*is booked"}
    command = suite_in(
        tmp_path, {"scenario": 30, "mode": "text"}, {"scenario": 31, "mode": "text"}, {"scenario": 30, "mode": "voice"}
    )
    async with endpoint(MAYBE, *BOOKS, voice) as service:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, env=environment(**variables(service)), stdout=-1, stderr=-2
        )
        output = (await process.communicate())[0].decode()
    report = SuiteVerdict.model_validate_json((tmp_path / "report.json").read_text())
    text, blocked, voice_run = report.runs
    assert (text.outcome, voice_run.outcome) == ("passed", "passed"), output
    assert text.statements[0].outcome == "met"
    assert text.statements[0].explanation == "The agent says so."
    assert text.played_caller is not None
    assert (text.played_caller.prompts, text.played_caller.turns) == ("caller 1, outcome 1", 3)
    assert (blocked.outcome, blocked.kind) == ("errored", "unscored"), output
    assert [each.outcome for each in blocked.statements] == ["met", "blocked"]
    assert "key-of-the-caller" not in output + (tmp_path / "report.json").read_text()


def test_without_a_model_nothing_is_started(tmp_path: Path) -> None:
    done = subprocess.run(
        suite_in(tmp_path, {"scenario": 30}),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "no model can play the caller: neither CEKURA_KIT_LLM_URL and CEKURA_KIT_LLM_KEY nor" in done.stderr
    assert "Starting the sandbox" not in done.stdout + done.stderr
