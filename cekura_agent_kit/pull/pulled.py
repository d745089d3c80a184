"""A scenario of Cekura as an entry of a scenario file, played by a model, with its origin. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from ..trigger.cekura.api_scenario import END_CALL, ApiScenario
from ..trigger.plan.given_state import MAIN_PART, TESTING_PART

ORIGIN: Final = "origin"
"""Key of a pulled entry: which scenario it is, when that was updated, and a hash of what was pulled."""
_PULLED: Final = "pulled"
_PLAYED: Final = ("", "instruction", "real_world_smart")
"""Types that a model plays. An answer without a type is one of instructions, Cekura's default."""
_UNPLAYED: Final = {
    "real_world_fixed": "it plays a recorded call word for word, and Cekura's API does not return the recording",
    "conditional_actions": "its caller follows conditions and fixed messages, which Cekura's API does not return",
}
_ITEM: Final = re.compile(r"(?:[-*•]|[0-9]{1,2}[.)])\s+(\S.*)")
"""Line of a list: ``- TEXT``, ``1. TEXT``."""
_USUAL: Final = "normal"
"""Personality, in lower case, that says nothing of the caller."""


def why_unplayed(scenario: ApiScenario) -> str:
    """Return why a model cannot play the scenario; an empty text if it can."""
    if scenario.type in _UNPLAYED:
        return f"its type is {scenario.type}: {_UNPLAYED[scenario.type]}"
    if scenario.type not in _PLAYED:
        return f"its type is {scenario.type}, which this version of the kit does not know"
    if scenario.suite_type == "infrastructure":
        return "it tests the audio (suite_type infrastructure): noise and interruptions are not played by a model"
    if scenario.has_conditions:
        return "it has conditional actions, which a model cannot follow exactly"
    if not scenario.instructions:
        return "it has no instructions"
    if not scenario.expected_outcome:
        return "it has no expected outcome, so nothing could be judged"
    return ""


def entry_of(scenario: ApiScenario) -> dict[str, Any]:
    """Return the entry of a scenario that a model can play.

    Args:
        scenario: as Cekura described it, in a list or alone: the entry is the same.
    """
    entry: dict[str, Any] = {
        "name": scenario.name or f"Scenario {scenario.id}",
        "caller": _caller(scenario),
        "outcome": _outcome(scenario.expected_outcome or ""),
    }
    if scenario.agent:
        entry["agent"] = scenario.agent
    if scenario.tags:
        entry["tags"] = list(scenario.tags)
    if scenario.folder:
        entry["folder"] = scenario.folder
    if scenario.tools is not None and scenario.tools != (END_CALL,):
        entry["evaluator_tools"] = list(scenario.tools)
    if scenario.profile:
        entry["profile"] = scenario.profile
    origin: dict[str, Any] = {"cekura": scenario.id}
    if scenario.updated_at:
        origin["updated_at"] = scenario.updated_at
    return entry | {ORIGIN: origin | {_PULLED: content_hash(entry)}}


def content_hash(entry: Mapping[str, Any]) -> str:
    """Return a hash of an entry's values without its origin: 16 hex digits."""
    content = {key: value for key, value in entry.items() if key != ORIGIN}
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def is_pulled(entry: Any) -> bool:
    """Return True for an entry that was pulled; a person may have edited it since."""
    return isinstance(entry, dict) and isinstance(entry.get(ORIGIN), dict)


def pulled_hash(entry: Mapping[str, Any]) -> str:
    """Return the hash that an entry was pulled with; an empty text if somebody removed it."""
    return str(entry[ORIGIN].get(_PULLED, ""))


def _outcome(prompt: str) -> str | list[str]:
    """Return the statements of an expected outcome whose lines are a list; any other is one statement."""
    lines = [line.strip() for line in prompt.splitlines() if line.strip()]
    items = [match[1] for line in lines if (match := _ITEM.fullmatch(line))]
    return items if len(items) == len(lines) > 1 else prompt


def _caller(scenario: ApiScenario) -> dict[str, Any]:
    caller: dict[str, Any] = {}
    if scenario.personality and scenario.personality.lower() != _USUAL:
        caller["persona"] = f"Personality on Cekura: {scenario.personality}"
    caller["goal"] = scenario.instructions or ""
    if scenario.first_message:
        caller["first_message"] = scenario.first_message
    if facts := _facts(scenario.profile or {}):
        caller["facts"] = facts
    return caller


def _facts(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evaluator's part of a test profile, or a whole profile without parts."""
    if not profile.keys() & {MAIN_PART, TESTING_PART}:
        return dict(profile)
    facts = profile.get(TESTING_PART)
    return dict(facts) if isinstance(facts, dict) else {}
