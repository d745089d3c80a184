"""``cekura-kit run --sandbox`` finds what the sandbox lacks before it starts anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "from cekura_agent_kit.cli import main; main()"
WITHOUT_THE_EXTRA = (
    "import importlib.util, sys; found = importlib.util.find_spec; "
    "importlib.util.find_spec = lambda name, *rest: None if name == 'pocketsphinx' else found(name, *rest); "
)


@pytest.mark.parametrize(
    ("before", "run", "said", "hint"),
    [
        (
            "",
            {"scenario": 99, "mode": "text"},
            "scenarios.yaml: no scenario 99; it has 30",
            "add the scenario to this file",
        ),
        (
            WITHOUT_THE_EXTRA,
            {"scenario": 30, "mode": "voice"},
            "speech in the sandbox needs pocketsphinx, not installed here",
            "pip install 'cekura-agent-kit[sandbox]'",
        ),
    ],
)
def test_nothing_is_started(tmp_path: Path, before: str, run: dict[str, object], said: str, hint: str) -> None:
    (tmp_path / "scenarios.yaml").write_text("30: {name: Short, talk: [{say: Hi}]}\n")
    started = tmp_path / "started"
    suite = {"worker": f"touch {started}", "sandbox": "scenarios.yaml", "runs": [run]}
    (tmp_path / "cekura.yaml").write_text(json.dumps(suite))
    # A livekit-server that would be found, and would show that it was started.
    server = tmp_path / "bin" / "livekit-server"
    server.parent.mkdir()
    server.write_text(f"#!/bin/sh\ntouch {started}\n")
    server.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "-c", before + MAIN, "run", "--sandbox", "cekura.yaml"],
        cwd=tmp_path,
        env={"PATH": f"{server.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert said in ended.stderr
    assert hint in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not started.exists()
