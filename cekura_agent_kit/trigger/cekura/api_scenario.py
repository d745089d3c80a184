"""Scenarios, read from Cekura's answers, of which every field is optional. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from ...contract import parse_object
from ..json_values import copy_of, field_of, int_of, items_of, number_of, text_of

END_CALL: Final = "TOOL_END_CALL"
"""Tool by which the evaluator hangs up."""

_DECISIVE: Final = (
    *("instructions", "first_message", "expected_outcome_prompt", "scenario_type", "scenario_language", "personality"),
    *("conditional_actions", "information_fields", "tool_ids", "metric_names", "max_duration"),
)
"""Fields that decide what happens in a run. A new name, tag or folder changes nothing."""


@dataclass(frozen=True)
class ApiScenario:
    """A scenario as Cekura described it. None means that the answer did not name the field.

    Attributes:
        agent: Cekura's agent id.
        metrics: names of the metrics that are attached.
        expected_outcome: ``expected_outcome_prompt``.
        tools: ``tool_ids`` of the evaluator.
        max_duration: longest call; minutes or seconds is not documented.
        folder: ``folder_path``; empty for a scenario in no folder.
        profile: ``information`` of its test profile; None also if it has none.
        instructions: the evaluator's.
        first_message: the evaluator's first words.
        type: ``scenario_type``; empty if the answer did not name it.
        suite_type: ``infrastructure`` for a test of the audio. Lists of scenarios do not name it.
        personality: name of the evaluator's personality.
        has_conditions: it has ``conditional_actions``.
        updated_at: as Cekura wrote it; empty if the answer did not name it. Only lists of scenarios do.
        version: fingerprint of what decides a run; Cekura has no number for it. Empty if nothing of it is known.
    """

    id: int
    name: str = ""
    agent: int | None = None
    metrics: tuple[str, ...] | None = None
    expected_outcome: str | None = None
    tools: tuple[str, ...] | None = None
    max_duration: float | None = None
    tags: tuple[str, ...] | None = None
    folder: str | None = None
    profile: dict[str, Any] | None = None
    instructions: str | None = None
    first_message: str = ""
    type: str = ""
    suite_type: str = ""
    personality: str = ""
    has_conditions: bool = False
    updated_at: str = ""
    version: str = ""


def read_scenario(value: Any, scenario: int) -> ApiScenario:
    """Read a scenario's record; an answer of another shape gives a scenario of which nothing is known."""
    record = value if isinstance(value, dict) else {}
    agent = record.get("agent")
    outcome = record.get("expected_outcome_prompt")
    return ApiScenario(
        id=scenario,
        name=text_of(record.get("name")),
        agent=int_of(agent.get("id") if isinstance(agent, dict) else agent),
        metrics=_names(record, "metric_names", "metrics"),
        expected_outcome=text_of(outcome).strip() if "expected_outcome_prompt" in record else None,
        tools=_names(record, "tool_ids", "tools"),
        max_duration=number_of(record.get("max_duration")),
        tags=_names(record, "tags"),
        folder=text_of(record.get("folder_path")).strip() if "folder_path" in record else None,
        profile=_information(record.get("test_profile_data")),
        instructions=text_of(record["instructions"]).strip() if "instructions" in record else None,
        first_message=text_of(record.get("first_message")).strip(),
        type=text_of(record.get("scenario_type")).strip(),
        suite_type=text_of(record.get("suite_type")).strip(),
        personality=text_of(record.get("personality_name")).strip(),
        has_conditions=bool(record.get("conditional_actions")),
        updated_at=text_of(record.get("updated_at")).strip(),
        version=_version(record),
    )


def _version(record: dict[str, Any]) -> str:
    known: dict[str, Any] = {key: copy_of(record[key]) for key in _DECISIVE if key in record}
    known |= {"profile": _information(record.get("test_profile_data"))} if known else {}
    text = json.dumps(known, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12] if known else ""


def _names(record: dict[str, Any], *keys: str) -> tuple[str, ...] | None:
    """Return the names under the first key that the record has: an array, or a text with commas or of JSON."""
    key = next((key for key in keys if key in record), None)
    if key is None:
        return None
    value = record[key]
    if isinstance(value, str):
        value = _array(value)
    if value is None:
        return ()
    if not isinstance(value, list):
        return None
    names = (text_of(field_of(each, "name") or field_of(each, "id") or each).strip() for each in items_of(value))
    return tuple(name for name in names if name)


def _information(profile: Any) -> dict[str, Any] | None:
    """Return a test profile's information: an object, or the JSON of one."""
    information = field_of(profile, "information")
    if isinstance(information, str):
        information = parse_object(information)
    return copy_of(information) if isinstance(information, dict) else None


def _array(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list):
            return value
    return text.split(",")
