"""The one door to the terminal: what others wrote, through each command, cannot control a terminal or a CI service."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from livekit.protocol.room import ListRoomsResponse
from rich.text import Text

from cekura_agent_kit import cli
from cekura_agent_kit.cli.console import Terminal, captured_logs, say, say_json
from cekura_agent_kit.trigger.rooms.marks import room_metadata
from tests.report.verdicts import FAILED, run, suite

EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp\n::error::x\n##[error]y"
"""Clears the screen, sets the title, reorders text, and has commands of two CI services."""
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|##|^\\s*::", re.MULTILINE)
VISIBLE = "\\x1b[2J"


class _Hostile(BaseHTTPRequestHandler):
    """Answers of a LiveKit and of a Cekura in which every text is hostile."""

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("ListRooms"):
            rooms = ListRoomsResponse()
            metadata = room_metadata(suite=EVIL, suite_id=EVIL, made=time.time() - 100, deadline=time.time() - 50)
            rooms.rooms.add(name="cekura-kit-0123456789abcdef", metadata=metadata)
            self._answer(200, rooms.SerializeToString(), "application/protobuf")
        else:
            self._answer(400, json.dumps({"code": "internal", "msg": EVIL}).encode(), "application/json")

    def do_GET(self) -> None:
        self._answer(403, EVIL.encode(), "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    for name, value in {
        "CEKURA_API_KEY": "cekura-key-123456",
        "CEKURA_API_URL": f"http://{address}",
        "LIVEKIT_URL": f"ws://{address}",
        "LIVEKIT_API_KEY": "APIabcdef123456",
        "LIVEKIT_API_SECRET": "livekit-secret-123456-0123456789ab",
    }.items():
        monkeypatch.setenv(name, value)
    yield
    server.shutdown()
    server.server_close()


class Command:
    """The command line in this process, with all that it prints."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> str:
        self._monkeypatch.setattr(sys, "argv", ["cekura-kit", *words])
        with pytest.raises(SystemExit):
            cli.main()
        said = self._capsys.readouterr()
        return said.out + said.err


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return Command(monkeypatch, capsys)


def harmless(text: str) -> bool:
    return CONTROLS.search(text) is None and VISIBLE in text


def write(name: str, value: Any) -> str:
    # JSON is YAML. Control characters are escapes in it, as in a file that somebody was sent.
    Path(name).write_text(json.dumps(value), encoding="utf-8")
    return name


def test_run_with_a_suite_that_is_wrong(kit: Command) -> None:
    suite = write("cekura.yaml", {EVIL: 1, "agent_name": EVIL, "runs": [{"scenario": EVIL, EVIL: EVIL}]})
    assert harmless(kit("run", suite))


def test_the_plan_of_a_run(kit: Command) -> None:
    runs = [{"scenario": 1, "name": EVIL}]
    assert harmless(kit("run", write("cekura.yaml", {"name": EVIL, "agent_name": EVIL, "runs": runs}), "--dry-run"))
    assert harmless(kit("run", write("cekura.yaml", {"name": EVIL, "worker": EVIL, "runs": runs}), "--dry-run"))


@pytest.mark.usefixtures("services")
def test_doctor(kit: Command) -> None:
    said = kit("doctor")
    assert harmless(said)
    assert "FAILED   cekura key" in said
    said = kit("doctor", "--json", "-")
    assert CONTROLS.search(said) is None
    printed = said[said.index("{\n") : said.rindex("}") + 1]
    assert any("\x1b[2J" in check["detail"] for check in json.loads(printed)["checks"]), "JSON keeps the text"


@pytest.mark.usefixtures("services")
def test_sweep(kit: Command) -> None:
    for words in (("--dry-run",), ()):
        said = kit("sweep", *words)
        assert harmless(said)
        assert "cekura-kit-0123456789abcdef" in said


def test_sandbox_and_its_files(kit: Command) -> None:
    scenarios = write("scenarios.yaml", {"1": {"name": EVIL, EVIL: EVIL, "talk": [{"say": EVIL, "hear": "("}]}})
    assert harmless(kit("sandbox", "--scenarios", scenarios))
    faults = write("faults.yaml", {"runs": {EVIL: {}}})
    assert harmless(kit("sandbox", "--faults", faults))


def test_worker(kit: Command) -> None:
    Path("\x1b[2J.py").write_text("", encoding="utf-8")
    assert harmless(kit("worker", "\x1b[2J.py"))


def test_report(kit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    bad: dict[str, Any] = dict.fromkeys(("case", "scenario_name", "reason", "hint", "room", "ended_reason"), EVIL)
    verdict = suite(run(1, FAILED, **bad, notes=[EVIL])).model_copy(update={"suite": EVIL, "hint": EVIL})
    Path("r.json").write_text(verdict.to_json(), encoding="utf-8")
    assert harmless(kit("report", "r.json"))
    write("broken.json", {"version": 2, EVIL: EVIL, "suite": [EVIL], "runs": [{"case": {EVIL: 1}}]})
    assert CONTROLS.search(kit("report", "broken.json")) is None
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert re.search("^::error title=", kit("report", "r.json"), re.MULTILINE), "our own commands stay commands"


def test_an_argument_with_an_escape_sequence_is_refused(kit: Command) -> None:
    said = kit("run", "--\x1b[2J")
    assert harmless(said)
    assert "argument 2 has a character that would control the terminal" in said


def test_a_traceback(kit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError(EVIL)

    monkeypatch.setenv("CEKURA_KIT_DEBUG", "1")
    monkeypatch.setattr(cli, "app", fail)
    said = kit("doctor")
    assert harmless(said)
    assert "Traceback" in said


def test_logs_are_kept_back_or_printed_through_the_door(capsys: pytest.CaptureFixture[str]) -> None:
    with captured_logs(printed=False):
        logging.getLogger("stamina").warning("stamina.retry_scheduled")
    assert capsys.readouterr() == ("", "")
    with captured_logs(printed=True):
        logging.getLogger("anybody").debug("%s", EVIL)
    assert harmless(capsys.readouterr().err)


def test_what_rich_renders_is_made_fit_and_its_own_control_stays() -> None:
    file = io.StringIO()
    console = Terminal(file=file, force_terminal=True, color_system="standard", width=80)
    console.print(Text.assemble(EVIL, (EVIL, "red")))
    console.show_cursor(False)
    text = file.getvalue()
    assert text.count("\\x1b[2J") == 2
    assert "\x1b[31m" in text
    assert text.endswith("\x1b[?25l")
    assert CONTROLS.search(text.replace("\x1b[31m", "").replace("\x1b[0m", "").replace("\x1b[?25l", "")) is None


def test_text_that_the_stream_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("naïve \ud800")
    say_json({"a": "naïve ##[error]"})
    lines = raw.getvalue().decode().splitlines()
    assert lines[0] == "na?ve ?"
    assert json.loads("".join(lines[1:])) == {"a": "naïve ##[error]"}
