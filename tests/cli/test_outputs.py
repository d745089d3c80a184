"""Delivery of a verdict: one output that fails costs no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekura_agent_kit.cli import app
from cekura_agent_kit.cli.log_paths import folder_beside
from cekura_agent_kit.report import html
from cekura_agent_kit.verdict import SuiteVerdict
from tests.report.verdicts import FAILED, run, suite

KIT = str(Path(sys.executable).parent / "cekura-kit")
PROGRESS = """
import sys
from pathlib import Path
from cekura_agent_kit.cli import stdio
from cekura_agent_kit.cli.console import terminal
from cekura_agent_kit.cli.live import Live
from cekura_agent_kit.cli.outputs import deliver
from cekura_agent_kit.trigger.progress import Finished, Planned, PlannedCase
from cekura_agent_kit.verdict import SuiteVerdict

stdio.protect()
verdict = SuiteVerdict.from_json(Path("r.json").read_text())
console = terminal()
with Live(console) as live:
    for n in range(2000):
        live.on_event(Planned((PlannedCase("30#1", 30, verdict.runs[0].mode),)))
    live.on_event(Finished("30#1", verdict.runs[0]))
sys.exit(deliver(verdict, {"json": Path("again.json")}, console))
"""
"""The part of `cekura-kit run` that prints progress and delivers the verdict."""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "r.json"
    path.write_text(suite(run(1, FAILED)).to_json(), encoding="utf-8")
    return path


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.stat().st_size} - {"r.json"}


COMMANDS = {
    "report": [KIT, "report", "r.json", "--json", "again.json", "--junit", "r.xml", "--html", "r.html"],
    "progress": [sys.executable, "-c", PROGRESS],
}
FILES = {"report": {"again.json", "r.xml", "r.html"}, "progress": {"again.json"}}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_under_stdout_costs_no_report_and_no_verdict(report: Path, command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(COMMANDS[command], cwd=report.parent, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert written(report.parent) == FILES[command]
    assert b"standard output could not be written (No space left on device)" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_went_away_costs_no_report_and_no_verdict(report: Path, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(COMMANDS[command], cwd=report.parent, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert written(report.parent) == FILES[command]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_a_closed_descriptor_costs_no_report_and_no_verdict(report: Path, command: str, closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *COMMANDS[command]], cwd=report.parent, stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert written(report.parent) == FILES[command]
    assert SuiteVerdict.from_json((report.parent / "again.json").read_bytes()).exit_code == 1


def test_a_report_that_cannot_be_rendered_costs_no_other(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(verdict: SuiteVerdict) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(html, "render", broken)
    monkeypatch.delenv("CEKURA_KIT_DEBUG", raising=False)
    files = {form: report.parent / f"all.{form}" for form in ("html", "json", "junit", "markdown")}
    options = [part for form, path in files.items() for part in (f"--{form}", str(path))]
    result = CliRunner().invoke(app, ["report", str(report), *options])
    assert result.exit_code == 2
    assert "the html report cannot be rendered: a fault in cekura-kit (ZeroDivisionError)" in result.stderr
    assert "The agent failed 1 of 1 run." in result.stdout
    assert [form for form, path in files.items() if path.exists()] == ["json", "junit", "markdown"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--html", "{folder}"], "{folder}: the html report cannot be written (Is a directory)"),
        (["--junit", "{folder}/suite.yaml/r.xml"], "the junit report cannot be written ("),
        (["--json", "{folder}/a", "--html", "{folder}/a"], "{folder}/a: given for the json and the html report"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_anything_starts(
    tmp_path: Path, options: list[str], says: str
) -> None:
    """Keys and addresses are missing: without the check, they would be what is missed first."""
    file = tmp_path / "suite.yaml"
    file.write_text("agent_name: a\nruns: [{scenario: 1}]\n", encoding="utf-8")
    result = CliRunner().invoke(
        app,
        ["run", str(file), *(option.format(folder=tmp_path) for option in options)],
        env={name: None for name in os.environ if name.startswith(("LIVEKIT_", "CEKURA_"))},
    )
    assert says.format(folder=tmp_path) in str(result.exception)
    assert {path.name for path in tmp_path.iterdir()} == {"suite.yaml"}


def test_a_report_of_before_stays_until_the_new_one_is_there(tmp_path: Path) -> None:
    from cekura_agent_kit.cli.outputs import check_writable

    before, new, pipe = tmp_path / "before.json", tmp_path / "deep/new.xml", tmp_path / "pipe"
    before.write_text("before", encoding="utf-8")
    os.mkfifo(pipe)
    check_writable({"json": before, "junit": new, "html": pipe, "markdown": None})
    assert before.read_text(encoding="utf-8") == "before"
    assert not new.exists()


def test_json_on_stdout_stands_alone_there(report: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(report), "--json", "-"])

    assert SuiteVerdict.from_json(result.stdout).suite == "restaurant"
    assert "The agent failed the one run" in result.stderr or "The agent failed 1 of 1" in result.stderr
    result = CliRunner().invoke(app, ["report", str(report), "--html", "-"])
    assert result.exit_code == 2
    assert "only JSON can be printed" in result.stderr
    assert not Path("-").exists()


def test_the_plan_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cekura.yaml").write_text("{name: s, agent_name: a, mode: text, runs: [{scenario: 30, repeat: 2}]}")
    printed = CliRunner().invoke(app, ["run", "--dry-run", "--json", "-"])
    written = CliRunner().invoke(app, ["run", "--dry-run", "--json", "plans/plan.json"])

    plan = json.loads(printed.stdout)
    assert [(each["case"], each["mode"], each["timeout_s"]) for each in plan["runs"]] == [
        ("30#1", "text", 1200.0),
        ("30#2", "text", 1200.0),
    ]
    assert (plan["version"], plan["suite"], plan["agent_name"], plan["worker"]) == (1, "s", "a", None)
    assert "Nothing is started." in printed.stderr
    assert "Nothing is started." in written.stdout
    assert json.loads(Path("plans/plan.json").read_text()) == plan


def test_logs_are_named_as_each_report_finds_them_and_only_where_they_are(tmp_path: Path) -> None:
    log = tmp_path / "made" / "r.logs" / "30-1.log"
    log.parent.mkdir(parents=True)
    log.write_text("the log")
    told = suite(run(1, FAILED, worker_log="r.logs/30-1.log"), run(2, FAILED, worker_log="r.logs/30-2.log"))
    source = tmp_path / "made" / "r.json"
    source.write_text(told.to_json(), encoding="utf-8")
    beside, elsewhere = tmp_path / "made" / "again.json", tmp_path / "elsewhere" / "again.json"
    for target in (beside, elsewhere):
        result = CliRunner().invoke(app, ["report", str(source), "--json", str(target)])
        assert str(log) in result.stdout

    found = [[run.worker_log for run in SuiteVerdict.from_json(path.read_text()).runs] for path in (beside, elsewhere)]
    assert found == [["r.logs/30-1.log", ""], [str(log), ""]]


def test_logs_are_beside_the_first_report_that_is_a_file(tmp_path: Path) -> None:
    assert folder_beside([None, Path("-"), Path(os.devnull), tmp_path / "a.b.xml"]) == tmp_path / "a.b.logs"
    assert folder_beside([Path("-"), None]) is None
