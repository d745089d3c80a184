"""Scenario files of LiveKit's simulator, read as they are: each scenario is one whose caller a model plays.

The form is documented at https://docs.livekit.io/testing/simulations/write-a-scenario/, and read by `lk agent simulate`
(livekit-cli, cmd/lk/simulate.go). It is a beta of 2026: keys that are not named here are accepted and have no effect.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from ...errors import ScenarioError
from ...yaml_files import load, place

_FIRST_ID: Final = 100_000_000
_IDS: Final = 900_000_000
"""Ids have nine digits. Two of 1,000 scenarios have the same with a chance of 1 in 1,800, and then they are refused."""

_Words = Annotated[str, Field(min_length=1, pattern=r"\S")]


class LiveKitScenario(BaseModel):
    """One scenario of such a file."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = ""
    label: _Words
    instructions: _Words
    agent_expectations: _Words
    tags: dict[str, str | int | float | bool | None] = {}
    userdata: dict[str, Any] = {}

    @property
    def tag_names(self) -> tuple[str, ...]:
        """The tags as one text each: ``feature:booking``."""
        return tuple(f"{key}:{_text(value)}" if value not in ("", None) else key for key, value in self.tags.items())


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = ""
    scenarios: Annotated[tuple[LiveKitScenario, ...], Field(min_length=1)]


def read_livekit(path: Path) -> tuple[str, dict[int, LiveKitScenario]]:
    """Read a scenario file of LiveKit's simulator.

    Returns:
        The name of the group, and the scenarios by an id that depends on their own ``id`` or ``label`` alone: it stays
        the same when others are added, moved or removed.

    Raises:
        ScenarioError: the file does not fit, or two scenarios have the same number; with file and line.
    """
    file = load(path, _File, error=ScenarioError)
    found: dict[int, LiveKitScenario] = {}
    times: Counter[str] = Counter()
    for index, scenario in enumerate(file.scenarios):
        key = scenario.id or scenario.label
        times[key] += 1
        number = number_of(key if times[key] == 1 else f"{key}#{times[key]}")
        if number in found:
            where = place(path, "scenarios", index)
            raise ScenarioError(
                f"{where}{scenario.label!r} has the number {number} of {found[number].label!r}",
                hint="change its `label` a little: the number is made from it",
            )
        found[number] = scenario
    return file.name, found


def number_of(key: str) -> int:
    """Return the number of a scenario of LiveKit's, of nine digits, by its ``id`` or ``label``."""
    digest = hashlib.sha256(key.encode("utf-8", "replace")).digest()
    return _FIRST_ID + int.from_bytes(digest[:8], "big") % _IDS


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
