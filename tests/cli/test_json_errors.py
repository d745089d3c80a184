"""An error of a command that was asked for JSON is JSON, too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cekura_agent_kit import ReportError, SuiteVerdict, cli
from tests.report.verdicts import run, suite

KIT = str(Path(sys.executable).parent / "cekura-kit")


def ended(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """Run the command in this process, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["cekura-kit", *arguments])
    monkeypatch.setattr("cekura_agent_kit.cli.signals.install", lambda: None)
    monkeypatch.setattr("cekura_agent_kit.cli.protect", lambda: None)
    with pytest.raises(SystemExit) as left:
        cli.main()
    return left.value.code


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CEKURA_KIT_DEBUG", raising=False)
    for name in ("CEKURA_API_KEY", "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("arguments", "type_", "message"),
    [
        (["run", "no.yaml"], "SuiteError", "no.yaml: there is no such file"),
        (["run", "no.yaml", "--dry-run"], "SuiteError", "no.yaml: there is no such file"),
        (["doctor", "no.yaml"], "SuiteError", "no.yaml: there is no such file"),
        (["report", "no.json"], "ReportError", "no.json: cannot be read (No such file or directory)"),
        (["sweep"], "SettingsError", "LIVEKIT_URL"),
        (["explain", "no"], "KitError", "'no' is not a kind of error"),
        (["run", "--nonsense"], "KitError", "No such option: --nonsense"),
        (["report"], "ReportError", "give JSON reports, or results of Cekura"),
    ],
)
def test_on_stdout_and_nothing_else(
    arguments: list[str],
    type_: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(*arguments, "--json", "-", monkeypatch=monkeypatch) == 2
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["version"] == 1
    assert (found["error"]["type"], found["error"]["exit_code"]) == (type_, 2)
    assert message in found["error"]["message"]
    assert found["error"]["hint"]
    assert message in said.err


def test_in_a_file_which_then_has_no_earlier_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("r.json").write_text(suite(run(1)).to_json(), encoding="utf-8")
    assert ended("run", "no.yaml", "--json=r.json", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().out == ""
    with pytest.raises(ReportError, match=r"ended with an error: no\.yaml: there is no such file") as raised:
        SuiteVerdict.from_json(Path("r.json").read_bytes())
    assert "cekura-kit init" in raised.value.hint


def test_a_file_that_the_command_reads_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("r.json").write_text("mine", encoding="utf-8")
    assert ended("report", "./r.json", "--json", "r.json", monkeypatch=monkeypatch) == 2
    assert ended("run", "no.yaml", "--baseline=r.json", "--json", "r.json", monkeypatch=monkeypatch) == 2
    assert Path("r.json").read_text(encoding="utf-8") == "mine"


def test_a_file_that_cannot_be_written_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("", encoding="utf-8")
    assert ended("doctor", "--json", "file/d.json", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_a_fault_of_the_kit_is_json_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("token eyJ")

    monkeypatch.setattr("cekura_agent_kit.cli.outputs.check_writable", broken)
    assert ended("explain", "--json", "-", monkeypatch=monkeypatch) == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["message"] == "a fault in cekura-kit: ZeroDivisionError"
    assert "eyJ" not in said.out + said.err


def test_the_command_itself() -> None:
    done = subprocess.run([KIT, "doctor", "no.yaml", "--json", "-"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["type"] == "SuiteError"
