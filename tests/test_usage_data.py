"""A test sends no usage data of the libraries that an agent imports.

onnxruntime, which silero's plugin imports, writes an id into the home folder when it is to send some. It sends none in
CI, so the processes here are told nothing of CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cekura_agent_kit.sandbox.server_binary import find_binary

EXAMPLE = Path(__file__).parents[1] / "examples" / "restaurant"
COMMAND = [sys.executable, "-m", "cekura_agent_kit"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder, in which nothing of onnxruntime's is left."""
    home = tmp_path / "home"
    home.mkdir()
    yield home
    assert [path for path in home.rglob("*") if "onnxruntime" in path.name] == []


def run(*words: str, home: Path, folder: Path) -> None:
    # A livekit-server of the cache would not be found in another home.
    environment = {"HOME": str(home), "PATH": f"{home}{os.pathsep}{os.environ['PATH']}"}
    ended = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_an_agent_that_a_conftest_imports_sends_none(home: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from livekit.plugins import silero\n")
    (tmp_path / "test_agent.py").write_text("def test_agent() -> None:\n    pass\n")
    run(sys.executable, "-m", "pytest", "-q", home=home, folder=tmp_path)


def test_an_agent_that_is_watched_sends_none(home: Path) -> None:
    run(*COMMAND, "watch", "--once", "agent.py", home=home, folder=EXAMPLE)


@pytest.mark.server
def test_an_agent_in_the_sandbox_sends_none(home: Path) -> None:
    shutil.copy(find_binary(), home / "livekit-server")
    run(*COMMAND, "run", "--sandbox", "--scenario", "30", "--mode", "text", home=home, folder=EXAMPLE)
