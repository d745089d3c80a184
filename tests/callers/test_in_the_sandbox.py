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

from .endpoint import BOOKS, PASS, RESTAURANT, endpoint, played, variables, written

MAYBE = {
    "user": "Statement: The agent is polite",
    "call": "submit_verdict",
    "with": {"verdict": "maybe", "reasoning": "Who knows."},
}


FREE = {
    "user": r"Statement: A table is free[\s\S]*assistant: [^\n]*table is free",
    "call": "submit_verdict",
    "with": PASS,
}


def suite_in(folder: Path, *runs: dict[str, Any]) -> list[str]:
    (folder / "cekura.models.yaml").write_text((RESTAURANT / "cekura.models.yaml").read_text())
    polite = played(patience=20, outcome=["A table is booked.", "The agent is polite."])
    # A turn in voice takes seven seconds.
    short = played(patience=20, outcome="A table is free.", turns=1)
    (folder / "cekura.scenarios.yaml").write_text(written(n30=played(patience=20), n31=polite, n32=short))
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
async def test_a_model_plays_callers_in_text_and_in_voice(tmp_path: Path) -> None:
    command = suite_in(
        tmp_path, {"scenario": 30, "mode": "text"}, {"scenario": 31, "mode": "text"}, {"scenario": 32, "mode": "voice"}
    )
    async with endpoint(MAYBE, FREE, *BOOKS) as service:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, env=environment(**variables(service)), stdout=-1, stderr=-2
        )
        output = (await process.communicate())[0].decode()
    report = SuiteVerdict.model_validate_json((tmp_path / "report.json").read_text())
    text, blocked, voice_run = report.runs
    assert (text.outcome, voice_run.outcome) == ("passed", "passed"), output
    assert [each.outcome for each in voice_run.statements] == ["met"]
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
