"""The command's face: help, version, and errors in two lines, never a traceback."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.text import Text
from typer.core import TyperGroup
from typer.testing import CliRunner

from cekura_agent_kit import KitError, __version__, cli
from cekura_agent_kit.cli import commands
from cekura_agent_kit.cli.command_group import CommandGroup
from cekura_agent_kit.cli.subcommands import SUBCOMMANDS, function_of

KIT = str(Path(sys.executable).parent / "cekura-kit")


def kit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([KIT, *arguments], capture_output=True, text=True, check=False)


def test_version() -> None:
    assert kit("--version").stdout == f"cekura-kit {__version__}\n"


def test_help_names_every_command() -> None:
    # A CI service may have it coloured.
    text = Text.from_ansi(kit("--help").stdout).plain
    for command in SUBCOMMANDS:
        assert f" {command} " in text


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_the_help_of_the_whole_looks_as_the_library_would_print_it(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    ours = CliRunner().invoke(cli.app, ["--help"]).stdout
    monkeypatch.setattr(CommandGroup, "format_help", TyperGroup.format_help)
    theirs = CliRunner().invoke(cli.app, ["--help"]).stdout
    # In CI, both may be coloured, each in its own way.
    assert Text.from_ansi(ours).plain == Text.from_ansi(theirs).plain


def test_the_help_of_the_whole_imports_no_command_and_no_event_loop() -> None:
    code = (
        "import sys; from cekura_agent_kit.cli import main; sys.argv = ['cekura-kit', '--help']\n"
        "try: main()\n"
        "finally: print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "cekura_agent_kit.cli.command_group" in loaded
    assert loaded.isdisjoint({"asyncio", "rich.markdown", "rich.traceback", "typer.rich_utils"})
    assert not {each for each in loaded if each.startswith("cekura_agent_kit.cli.commands")}


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_the_summary_of_a_command_is_the_first_paragraph_of_its_own_help(command: str) -> None:
    first = inspect.cleandoc(function_of(command).__doc__).split("\n\n")[0]
    assert SUBCOMMANDS[command].summary == " ".join(first.split())


def test_every_module_of_commands_is_a_subcommand() -> None:
    modules = {path.stem for path in Path(commands.__file__).parent.glob("*.py")} - {"__init__"}
    assert {each.module for each in SUBCOMMANDS.values()} == modules


def test_an_unknown_command_is_answered_with_one_that_is_like_it() -> None:
    done = kit("rnu")
    assert done.returncode == 2
    assert "No such command 'rnu'. Did you mean 'run'?" in done.stderr


def test_an_unknown_option_is_no_verdict() -> None:
    done = kit("run", "--nonsense")
    assert done.returncode == 2
    assert "No such option" in done.stderr


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (KitError("the suite is on fire", hint="put it out"), "cekura-kit: the suite is on fire\n  hint: put it out\n"),
        (ZeroDivisionError("token eyJ"), "cekura-kit: a fault in cekura-kit: ZeroDivisionError\n"),
    ],
)
def test_errors_are_said_and_not_thrown(
    fault: Exception, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def broken() -> None:
        raise fault

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["cekura-kit"])
    monkeypatch.delenv("CEKURA_KIT_DEBUG", raising=False)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(says)
    assert "Traceback" not in said
    assert "eyJ" not in said


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--metadata", "tier: gold", "--metadata is not JSON: "),
        ("--metadata", "[]", "--metadata is not a JSON object"),
        ("--metadata", '{"a": NaN}', "--metadata is not JSON: NaN is not a value of JSON"),
        ("--shard", "3/2", "--shard: '3/2' is not a shard"),
        ("--shard", "half", "--shard: 'half' is not a shard"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(tmp_path: Path, option: str, value: str, says: str) -> None:
    suite = tmp_path / "cekura.yaml"
    suite.write_text("agent_name: a\nruns: [{scenario: 1}]\n", encoding="utf-8")
    done = kit("run", str(suite), option, value)
    assert done.returncode == 2
    assert done.stderr.startswith(f"cekura-kit: {says}")
    assert "hint: write" in done.stderr
