"""The template and the example suite of version 0.1 run unedited. Their files are in tests/data/from_0_1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cekura_agent_kit import Outcome, Suite, SuiteVerdict

FROM_0_1 = Path(__file__).parent.parent / "data/from_0_1"
BIN = Path(sys.executable).parent


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this environment in the folder, with no key and no address set."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CEKURA_", "LIVEKIT_"))}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def repo(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return Path(shutil.copytree(FROM_0_1 / request.param, tmp_path / request.param))


@pytest.mark.parametrize("repo", ["agent_template"], indirect=True)
def test_the_template_s_own_tests_pass(repo: Path) -> None:
    done = run(repo, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.mark.parametrize("repo", ["agent_template", "restaurant"], indirect=True)
def test_the_suite_is_loaded_and_planned(repo: Path) -> None:
    suite = Suite.load(repo / "cekura.yaml")
    done = run(repo, "cekura-kit", "run", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert all(planned.case in done.stdout for planned in suite.plan())


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("repo", ["agent_template", "restaurant"], indirect=True)
def test_the_suite_passes_in_the_sandbox(repo: Path) -> None:
    done = run(repo, "cekura-kit", "run", "--sandbox", "--json", "report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = SuiteVerdict.from_json((repo / "report.json").read_bytes())
    assert {each.outcome for each in verdict.runs} == {Outcome.PASSED}
    assert len(verdict.runs) == len(Suite.load(repo / "cekura.yaml").plan())
