"""docs/contract.md: its clauses are those that are checked, and what it says of the permit is enough to verify one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from cekura_agent_kit.conformance.clauses import CLAUSES
from cekura_agent_kit.contract import EVENTS_TOPIC, RESERVED_KEYS, Mode
from cekura_agent_kit.permit import KIT_SECRET, Key, Permit

PAGE = (Path(__file__).parents[1] / "docs/contract.md").read_text(encoding="utf-8")
ROOM, SECRET = "cekura-kit-1", "s" * 40
OWN = {"tier": "gold", "Größe": [1.5, None, {"b": 1, "a": "✓"}]}


@pytest.fixture
def permit_of() -> Callable[[str, str, str], dict[str, Any]]:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    found: Callable[[str, str, str], dict[str, Any]] = names["permit_of"]
    return found


def metadata(mode: Mode = Mode.TEXT) -> str:
    permit = Permit(room=ROOM, mode=mode, suite="support", case="30#1", scenario=30, witness="w", tools={"*": "refuse"})
    return permit.job_metadata(OWN, key=Key(KIT_SECRET, SECRET), ttl=3600)


@pytest.mark.parametrize("mode", Mode)
def test_its_check_accepts_what_the_trigger_writes(mode: Mode, permit_of: Callable[..., dict[str, Any]]) -> None:
    claims = permit_of(metadata(mode), ROOM, SECRET)
    assert (claims["mode"], claims["sub"], claims["tools"]) == (mode, "w", {"*": "refuse"})


@pytest.mark.parametrize(
    ("room", "secret", "change"),
    [
        ("cekura-kit-2", SECRET, {}),
        (ROOM, "x" * 40, {}),
        (ROOM, SECRET, {"tier": "silver"}),
        (ROOM, SECRET, {"more": 1}),
        (ROOM, SECRET, {"text_mode": False}),
    ],
)
def test_its_check_refuses_anything_else(
    room: str, secret: str, change: dict[str, Any], permit_of: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises((ValueError, jwt.InvalidTokenError)):
        permit_of(json.dumps(json.loads(metadata()) | change), room, secret)


def test_its_clauses_are_those_that_are_checked() -> None:
    rows = set(re.findall(r"^\| `([^`]+)` \| (.+) \|$", PAGE, re.MULTILINE))
    shown_once = {(clause.name, clause.requires) for clause in CLAUSES}
    assert shown_once <= rows
    assert "the first six and the last" in PAGE
    assert [clause.name for clause in CLAUSES if clause.place == "voice"][:6] == [each.name for each in CLAUSES[:6]]


def test_its_names_are_those_of_the_contract() -> None:
    assert f"`{EVENTS_TOPIC}`" in PAGE
    assert all(f"`{key}`" in PAGE for key in RESERVED_KEYS)
