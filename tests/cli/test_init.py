"""`cekura-kit init`: a repo to start from, and nothing of the user's is touched."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cekura_agent_kit import Suite

KIT = str(Path(sys.executable).parent / "cekura-kit")


def init(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([KIT, "init", str(folder)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("init") / "Front Desk!"
    done = init(folder)
    assert done.returncode == 0, done.stderr
    assert "make demo" in done.stdout
    return folder


def test_it_is_complete_and_named(repo: Path) -> None:
    written = {str(path.relative_to(repo)) for path in repo.rglob("*") if path.is_file()}
    assert {
        "agent.py",
        "pyproject.toml",
        ".env.example",
        ".gitignore",
        "cekura.yaml",
        "cekura.schema.json",
        "cekura.scenarios.yaml",
        "cekura.models.yaml",
        "Makefile",
        "README.md",
        "tests/test_agent.py",
        ".github/workflows/cekura.yml",
    } <= written
    assert not [path for path in repo.rglob("*") if path.is_file() and "my-agent" in path.read_text()]
    assert 'agent_name="front-desk"' in (repo / "agent.py").read_text()
    assert Suite.load(repo / "cekura.yaml").name == "front-desk"


def test_editors_find_the_schema(repo: Path) -> None:
    comment = (repo / "cekura.yaml").read_text().splitlines()[0]
    schema = json.loads((repo / comment.split("$schema=./")[1]).read_text())
    assert schema["additionalProperties"] is False
    assert {"worker", "mode", "runs", "max_runs"} <= schema["properties"].keys()


def test_what_was_there_is_kept_and_the_last_words_know_it(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("mine\n")
    (tmp_path / "cekura.yaml").write_text("also mine\n")
    done = init(tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "Makefile").read_text() == "mine\n"
    assert (tmp_path / "cekura.yaml").read_text() == "also mine\n"
    assert f"kept  {tmp_path / 'Makefile'}, which already exists" in done.stdout
    assert (tmp_path / "agent.py").exists()
    assert "without the template's Makefile:" in done.stdout
    assert "make demo" not in done.stdout
    assert "cekura-kit run --sandbox" in done.stdout


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = init(tmp_path / "file")
    assert done.returncode == 2
    assert "cekura-kit: " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_workflow_is_safe(repo: Path) -> None:
    """Of what a workflow with secrets can do wrong."""
    text = (repo / ".github/workflows/cekura.yml").read_text()
    workflow = yaml.safe_load(text)
    assert "pull_request_target" not in text
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"
    steps = {step.get("name", step.get("uses")): step for step in workflow["jobs"]["hosted"]["steps"]}
    run = steps["Scenarios on Cekura"]
    assert "exec .venv/bin/cekura-kit run" in run["run"]
    sweep = steps["Delete rooms that are left"]
    assert sweep["if"] == "always()"
    assert '--suite-id "$SUITE_ID"' in run["run"]
    assert '--suite-id "$SUITE_ID"' in sweep["run"]
    every = [step for job in workflow["jobs"].values() for step in job["steps"]]
    # What somebody else writes, a branch's name say, never becomes part of a script.
    assert [step["name"] for step in every if "${{" in step.get("run", "")] == []
    # A key is known to the steps that use it, and to no other.
    with_keys = [step["name"] for step in every if re.search(r"secrets\.\w+ \}", str(step.get("env")))]
    assert with_keys == ["Scenarios on Cekura", "Delete rooms that are left"]
    assert [job for job in workflow["jobs"].values() if "secrets." in str(job.get("env"))] == []


def test_the_options_that_it_uses_are_there(repo: Path) -> None:
    """Makefile and workflow against the command's own help."""
    used = (repo / "Makefile").read_text() + (repo / ".github/workflows/cekura.yml").read_text()
    for command in ("run", "sweep"):
        help_text = subprocess.run([KIT, command, "--help"], capture_output=True, text=True, check=True).stdout
        calls = [line for line in used.replace("\\\n", " ").splitlines() if f"cekura-kit {command}" in line]
        assert calls
        for option in set(re.findall(r"--[a-z-]+", " ".join(call.split(f"cekura-kit {command}")[1] for call in calls))):
            assert option in help_text
