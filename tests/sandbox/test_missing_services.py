"""``cekura-kit run --sandbox`` of agents on models of which the sandbox has no stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cekura_agent_kit.verdict import SuiteVerdict

AGENT = Path(__file__).parent / "realtime_agent.py"
MAIN = "from cekura_agent_kit.cli import main; main()"


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "mode", "service"),
    [
        ("inference", "voice", "LiveKit Inference text-to-speech"),
    ],
)
def test_the_run_is_errored_and_names_the_service(
    tmp_path: Path, livekit_server: object, models: str, mode: str, service: str
) -> None:
    (tmp_path / "scenarios.yaml").write_text("30: {name: Greets, talk: [{hear: welcome}], patience: 5s}\n")
    suite = {
        "worker": f"{sys.executable} {AGENT} dev --no-reload",
        "sandbox": "scenarios.yaml",
        "agent_timeout": "30s",
        "timeout": "60s",
        "runs": [{"scenario": 30, "mode": mode}],
    }
    (tmp_path / "cekura.yaml").write_text(json.dumps(suite))
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "run", "--sandbox", "cekura.yaml", "--json", "report.json"],
        cwd=tmp_path,
        env=os.environ | {"AGENT_MODELS": models},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    shown = done.stdout + done.stderr
    assert (tmp_path / "report.json").exists(), shown
    (run,) = SuiteVerdict.model_validate_json((tmp_path / "report.json").read_text()).runs
    assert (done.returncode, run.outcome.value, run.kind) == (2, "errored", "sandbox_failed"), shown
    assert f"the sandbox has no stand-in for {service}" in run.reason
    assert service in shown
