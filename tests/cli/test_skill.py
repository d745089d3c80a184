"""The skill file, and AGENTS.md: what they tell a coding agent to do can be done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from cekura_agent_kit import KitError, Suite
from cekura_agent_kit.cli import app
from cekura_agent_kit.cli.commands.skill import DEFAULT_FILE, skill_text
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios

ROOT = Path(__file__).parents[2]
PAGES = {
    "skill": skill_text(),
    "AGENTS.md": (ROOT / "AGENTS.md").read_text(encoding="utf-8"),
    "template": (ROOT / "agent_template/AGENTS.md").read_text(encoding="utf-8"),
}
GROUP = typer.main.get_command(app)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def yaml_block(words: str) -> str:
    (block,) = (each for each in re.findall(r"```yaml\n(.*?)```", PAGES["skill"], re.DOTALL) if words in each)
    return block


def test_it_is_a_skill_file() -> None:
    _, front, body = PAGES["skill"].split("---\n", 2)
    head = yaml.safe_load(front)
    assert head["name"] == "cekura-kit"
    assert 100 < len(head["description"]) < 1024
    assert "# cekura-kit" in body


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_exist(page: str) -> None:
    commands = GROUP.commands  # type: ignore[attr-defined]
    used = re.findall(r"cekura-kit ([a-z][a-z-]+)((?: [^`\n|,;]+)?)", PAGES[page])
    assert used
    for name, rest in used:
        assert name in commands, name
        known = {flag for parameter in commands[name].params for flag in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"(?<= )--[a-z-]+", rest)) <= known | {"--help"}, f"{name}{rest}"


def test_its_suite_and_its_scenarios_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "cekura.yaml").write_text(yaml_block("runs:"), encoding="utf-8")
    (tmp_path / "cekura.scenarios.yaml").write_text(yaml_block("talk:"), encoding="utf-8")
    suite = Suite.load(tmp_path)
    assert {run.scenario for run in suite.plan()} == set(load_scenarios(suite.scenarios_file))
    assert set(suite.tools) == {"book_table", "charge_card", "search_menu", "*"}


@pytest.mark.parametrize("page", ["AGENTS.md", "template"])
def test_files_that_are_named_are_there(page: str) -> None:
    folder = ROOT if page == "AGENTS.md" else ROOT / "agent_template"
    named = re.findall(r"[\w./]+\.(?:md|py|yaml)\b", PAGES[page])
    assert named
    for name in named:
        assert (folder / name).exists() or list((ROOT / "cekura_agent_kit").rglob(name)), name


def test_what_is_billed_is_what_is_billed() -> None:
    rows = dict(re.findall(r"^\| (`.+?) \| (.+) \|$", PAGES["skill"], re.MULTILINE))
    assert "billed" in rows["`cekura-kit run`"]
    assert rows["`cekura-kit run --sandbox`"].startswith("nothing")


def write(*arguments: str) -> None:
    result = CliRunner().invoke(app, ["skill", *arguments], catch_exceptions=False)
    assert result.exit_code == 0


def test_it_is_written_where_it_is_looked_for_and_written_anew() -> None:
    write()
    DEFAULT_FILE.write_text(DEFAULT_FILE.read_text(encoding="utf-8") + "old", encoding="utf-8")
    write()
    assert DEFAULT_FILE.read_text(encoding="utf-8") == skill_text()


def test_it_goes_into_a_folder_or_to_stdout() -> None:
    Path("skills").mkdir()
    write("skills")
    assert Path("skills/SKILL.md").read_text(encoding="utf-8") == skill_text()
    assert CliRunner().invoke(app, ["skill", "-"]).stdout == skill_text()


def test_a_file_of_somebody_else_is_kept() -> None:
    Path("SKILL.md").write_text("mine", encoding="utf-8")
    with pytest.raises(KitError, match="was not written by this command"):
        write("SKILL.md")
    assert Path("SKILL.md").read_text(encoding="utf-8") == "mine"


def test_a_place_that_cannot_be_written_to() -> None:
    Path("file").write_text("", encoding="utf-8")
    with pytest.raises(KitError, match="cannot be written"):
        write("file/SKILL.md")
