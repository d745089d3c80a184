"""The command's face: help, version, and errors in two lines, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cekura_agent_kit import KitError, __version__, cli

KIT = str(Path(sys.executable).parent / "cekura-kit")


def kit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([KIT, *arguments], capture_output=True, text=True, check=False)


def test_version() -> None:
    assert kit("--version").stdout == f"cekura-kit {__version__}\n"


def test_help_names_every_command() -> None:
    text = kit("--help").stdout
    for command in ("run", "doctor", "sweep", "init", "sandbox", "report", "schema"):
        assert f" {command} " in text


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
