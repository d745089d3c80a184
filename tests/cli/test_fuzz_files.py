"""Suite files, reports and .env files, broken byte by byte, through the command's doors: an answer or an error.

In the gate a sample; ``FUZZ=1`` runs 3,000 suite files, 1,000 reports and 1,000 .env files.
"""

from __future__ import annotations

import os
import random
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from cekura_agent_kit import cli
from cekura_agent_kit.errors import SettingsError
from cekura_agent_kit.trigger.settings.settings import Settings
from tests.faults.test_fuzz import SUITE
from tests.report.verdicts import FAILED, run, suite

FULL = bool(os.environ.get("FUZZ"))
SUITES, REPORTS, ENVS = (3000, 1000, 1000) if FULL else (100, 60, 200)
PIECES = (
    *(
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xe2\x80\x8b",
        b"\x1b[2J",
        b"\r",
        b"\n",
        b"\t",
        b" ",
        b"\xc2\xa0",
        b"'",
        b'"',
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"- ",
        b"&a ",
        b"*a",
        b"<<: *a",
        b"!!set ",
        b"!!binary ",
        b"| ",
        b"> ",
        b"? ",
        b"#",
    ),
    *(b"null", b"NaN", b".inf", b"1e999", b"9" * 500, b"-1", b"true", b"\\ud800", b"${HOME}", b"${", b"=", b"export "),
    *(b"[" * 300, b"#", b'"'),
)
ENV = b"""\
# keys
CEKURA_API_KEY=cekura-key-123456
export LIVEKIT_URL=wss://project.livekit.cloud
LIVEKIT_API_KEY='APIabcdef123456'
LIVEKIT_API_SECRET="livekit-secret-123456"
CEKURA_API_URL=https://api.cekura.ai
OPENAI_API_KEY=sk-123456789 # ours
"""
PLACE = re.compile(r"^cekura-kit: (?:cekura\.yaml|r\.json)(?::\d+)?: ", re.MULTILINE)


def broken(data: bytes, chance: random.Random) -> bytes:
    """The bytes with one to four pieces put in, cut out, doubled or swapped."""
    for _ in range(chance.randint(1, 4)):
        at, end = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
        end = min(end, at + 40)
        match chance.randrange(4):
            case 0:
                data = data[:at] + chance.choice(PIECES) + data[at:]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:end] + data[at:end] + data[end:]
            case _:
                data = data[:at] + chance.choice(PIECES) + data[end:]
    return data


class Doors:
    """The command line in this process: exit code, and all that it prints."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> tuple[int, str]:
        self._monkeypatch.setattr(sys, "argv", ["cekura-kit", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = self._capsys.readouterr()
        return int(left.value.code or 0), said.out + said.err


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Doors:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "CEKURA_KIT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Doors(monkeypatch, capsys)


def test_broken_suites_have_a_plan_or_an_error_with_file_and_line(doors: Doors) -> None:
    chance = random.Random(1)
    outcomes: Counter[int] = Counter()
    for _ in range(SUITES):
        Path("cekura.yaml").write_bytes(data := broken(SUITE.encode(), chance))
        code, said = doors("run", "--dry-run")
        outcomes[code] += 1
        assert "Traceback" not in said, data
        assert "a fault in cekura-kit" not in said, data
        assert code == 0 or PLACE.search(said), (data, said)
        assert not re.search("[\x00-\x08\x1b\x9b]", said), data
    print(f"{SUITES} suites: {dict(outcomes)}")
    assert set(outcomes) == {0, 2}


def test_broken_reports_are_rendered_or_refused_with_their_file(doors: Doors) -> None:
    chance = random.Random(2)
    whole = suite(run(1, FAILED)).to_json().encode()
    outcomes: Counter[int] = Counter()
    for _ in range(REPORTS):
        Path("r.json").write_bytes(data := broken(whole, chance))
        code, said = doors("report", "r.json", "--junit", "r.xml", "--markdown", "r.md", "--html", "r.html")
        outcomes[code] += 1
        assert "Traceback" not in said, data
        assert "a fault in cekura-kit" not in said, (data, said)
        assert code == 1 or PLACE.search(said), (data, said)
        assert not re.search("[\x00-\x08\x1b\x9b]", said), data
    print(f"{REPORTS} reports: {dict(outcomes)}")
    assert outcomes[1]
    assert outcomes[2]


def test_broken_env_files_have_settings_or_an_error_that_names_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in ENV.decode().splitlines()[1:]:
        monkeypatch.delenv(line.removeprefix("export ").partition("=")[0], raising=False)
    chance = random.Random(3)
    outcomes: Counter[str] = Counter()
    for _ in range(ENVS):
        Path(".env").write_bytes(data := broken(ENV, chance))
        try:
            Settings.from_environment().check(lambda _: ["93.184.216.34"])
        except SettingsError as error:
            said = str(error)
            outcomes["refused"] += 1
            named = "not set: " in said or re.search(r"\.env:\d+", said) or re.search("(LIVEKIT|CEKURA)_", said)
            assert named, (data, said)
            assert "livekit-secret-123456" not in said
        else:
            outcomes["read"] += 1
    print(f"{ENVS} .env files: {dict(outcomes)}")
    assert set(outcomes) == {"refused", "read"}
