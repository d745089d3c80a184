"""docs/reports.md lists the keys of every command's JSON: it is compared with what the commands write."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cekura_agent_kit import SettingsError
from cekura_agent_kit.cli import app
from cekura_agent_kit.cli.json_errors import as_json as error_as_json
from cekura_agent_kit.conformance.clauses import CLAUSES, Finding
from cekura_agent_kit.conformance.clauses import as_json as findings_as_json
from cekura_agent_kit.pull.changes import Change, State
from cekura_agent_kit.pull.changes import as_json as changes_as_json
from cekura_agent_kit.trigger.doctor.check import Check
from cekura_agent_kit.trigger.sweep import KitRoom

ROOT = Path(__file__).parents[2]
ROWS = dict(
    re.findall(r"^\| (`[a-z].+?`|each of them.*?) \| (.+) \|$", (ROOT / "docs/reports.md").read_text(), re.MULTILINE)
)


def keys_in(value: Any) -> Iterator[str]:
    """Yield every key of a JSON value. What was taken over from a file has keys of its own."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            if key not in ("selected", "narrowed"):
                yield from keys_in(inner)
    elif isinstance(value, list):
        for each in value:
            yield from keys_in(each)


def written(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*arguments, "--json", "-"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(autouse=True)
def _in_the_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cekura.yaml", "cekura.scenarios.yaml", "agent.py"):
        shutil.copy(ROOT / "agent_template" / name, tmp_path)
    monkeypatch.chdir(tmp_path)


def test_of_the_commands_that_can_be_run_offline() -> None:
    for row, arguments in {
        "`run --dry-run`": ["run", "--dry-run"],
        "`scenarios`": ["scenarios", "--sandbox"],
        "`explain`": ["explain", "unscored"],
    }.items():
        keys = set(keys_in(written(*arguments)))
        assert len(keys) > 5
        assert {key for key in keys if f"`{key}`" not in ROWS[row]} == set(), row


def test_of_the_commands_that_need_a_server() -> None:
    for row, keys in {
        "`doctor`": {"version", "ok", "checks", *(each.name for each in fields(Check))},
        "`sweep`": {"version", "left", "rooms", *(each.name for each in fields(KitRoom))},
        "`pull`": set(
            keys_in(changes_as_json(Path("a"), [Change(1, "", State.NEW)], diff="", notes=(), written=False))
        ),
        "`check-agent`": set(keys_in(findings_as_json("support", [Finding(CLAUSES[0], "ok", "")]))),
    }.items():
        assert {key for key in keys if f"`{key}`" not in ROWS[row]} == set(), row


def test_of_errors() -> None:
    (row,) = (text for command, text in ROWS.items() if "error" in command)
    assert {
        key for key in keys_in(error_as_json(SettingsError("not set", hint="set it"))) if f"`{key}`" not in row
    } == set()
