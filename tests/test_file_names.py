"""Default names of the sandbox's files: new ones first, then those of 0.1, with advice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cekura_agent_kit.file_names import RULES, SCENARIOS, advice_on, default_file
from cekura_agent_kit.trigger.plan.suite import Suite


@pytest.mark.parametrize(("name", "former"), [(SCENARIOS, "scenarios.yaml"), (RULES, "models.yaml")])
def test_a_former_name_is_read_where_the_new_one_is_missing(tmp_path: Path, name: str, former: str) -> None:
    assert default_file(tmp_path, name) == tmp_path / name
    assert advice_on(tmp_path / name, name) == ""

    (tmp_path / former).touch()
    assert default_file(tmp_path, name) == tmp_path / former
    assert advice_on(tmp_path / former, name).startswith(f"{tmp_path / former}: rename it to {name}")

    (tmp_path / name).touch()
    assert default_file(tmp_path, name) == tmp_path / name


def test_a_file_that_the_suite_names_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "scenarios.yaml").touch()
    file = tmp_path / "cekura.yaml"
    file.write_text("agent_name: support\nruns: [{scenario: 1}]\n")
    assert Suite.load(file).scenarios_file == tmp_path / "scenarios.yaml"
    file.write_text("agent_name: support\nsandbox: mine.yaml\nruns: [{scenario: 1}]\n")
    assert Suite.load(file).scenarios_file == tmp_path / "mine.yaml"


def test_the_command_gives_the_advice_once(tmp_path: Path) -> None:
    (tmp_path / "scenarios.yaml").write_text("1: {name: No conversation}\n")
    command = [sys.executable, "-m", "cekura_agent_kit", "sandbox"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    advice, error = done.stderr.splitlines()[:2]
    assert advice.startswith("scenarios.yaml: rename it to cekura.scenarios.yaml")
    assert error.startswith("cekura-kit: scenarios.yaml:1: ")
