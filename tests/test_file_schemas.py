"""Schemas for editors, and the loader: what one accepts, the other accepts, for files that are broken in all ways."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from cekura_agent_kit.cli.commands.schema import Schema, schema_of
from cekura_agent_kit.errors import SuiteError
from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.scenarios import _Scenarios
from cekura_agent_kit.sandbox.models.rules import Rules
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.yaml_files import load

WHOLE: dict[Schema, tuple[type[BaseModel], Any]] = {
    Schema.SUITE: (
        Suite,
        {
            "name": "support",
            "agent_name": "support",
            "worker": "agent.py",
            "agent": 812,
            "mode": "text",
            "text_switch": "wrapper",
            "concurrency": 3,
            "witnesses": 0,
            "agent_timeout": "20s",
            "timeout": 300,
            "suite_timeout": "1.5h",
            "max_runs": 20,
            "metadata": {"tier": "gold", "list": [1, 2.5, None, True]},
            "pass_rate": 0.8,
            "max_reply": "900ms",
            "unscored": "warn",
            "room_metadata": {"persona": "host"},
            "test_profile": True,
            "tools": {"pay": {"returns": 1}, "*": "refuse"},
            "seed": 7,
            "runs": [
                {"scenario": 30, "repeat": 2, "name": "first", "max_reply": "3s", "unscored": "pass"},
                {"scenario": 31, "mode": "voice", "metadata": {"lang": "de"}, "timeout": None, "seed": 8},
                {"scenario": 31, "room_metadata": '{"a": 1}', "test_profile": {"main_agent_variables": {"b": 2}}},
                {"scenario": 32, "publish_data_message": {"kind": "hello"}, "pass_rate": 1},
                {"select": {"tags": ["a"], "any_tags": ["b", "c"], "not_tags": ["d"], "folder": "A.B", "agent": 7}},
                {"select": {"folder": "A"}, "scenario": None},
            ],
        },
    ),
    Schema.SCENARIOS: (
        _Scenarios,
        {
            "30": {
                "name": "Books",
                "talk": [{"say": "Hello"}, {"hear": "hi|hello"}, {"say": "Bye", "hear": "bye"}],
                "outcome": "",
                "patience": "10s",
                "verdict": {
                    "rubric": [
                        {"name": "Booking", "passed": None, "value": 3, "conditions": "x", "explanation": ["a"]}
                    ],
                    "metrics": [
                        "Expected Outcome",
                        {"name": "Tone", "kind": "enum", "value": "polite", "passed": True},
                    ],
                    "statements": [{"outcome": "Booked.", "aligned": "blocked"}],
                    "success": False,
                    "success_after": "2s",
                    "review": "failure",
                    "mocked_tools": ["book"],
                },
                "agent": 7,
                "tags": ["a"],
                "folder": "A.B",
                "tools": {"pay": {"returns": 1}, "*": "refuse"},
                "evaluator_tools": [],
                "profile": {"name": "Ada"},
                "max_duration": 60,
                "userdata": {"slots": [1]},
                "scenario_type": "real_world_smart",
            },
            "31": {
                "name": "Hello",
                "talk": [
                    {"hear_any": ["hello", "hi"], "not_hear": "bye", "within": "2s"},
                    {"say": "Wait", "interrupt": True, "pause": "1s", "hear_all": ["a", "b"], "not_hear": ["c"]},
                    {"data": {"kind": "x"}, "call": "book", "no_call": ["pay", {"tool": "*", "arguments": {"n": 1}}]},
                    {"silence": "20s", "call": {"tool": "book", "arguments": {"people": 2}}},
                ],
            },
            "32": {
                "name": "Asks",
                "caller": {
                    "persona": "In a hurry.",
                    "goal": "A table.",
                    "facts": {"people": 2, "name": "Ada"},
                    "first_message": "Hello!",
                    "turns": 5,
                    "max_tokens": 900,
                },
                "outcome": ["Booked.", "Polite."],
                "origin": {"cekura": 32, "updated_at": "2026-01-01T00:00:00Z", "pulled": "0123456789abcdef"},
            },
        },
    ),
    Schema.RULES: (
        Rules,
        {
            "rules": [
                {"greeting": True, "say": "Welcome."},
                {
                    "user": "for (?P<people>\\w+)",
                    "call": "check",
                    "with": {"people": "{people}", "n": 1},
                    "delay": "1s",
                },
                {"tool": "check", "result": "free", "given": "name is (?P<name>\\w+)", "say": "Free, {name}. {words}"},
                {"instructions": "x", "say": "a", "call": "b"},
            ],
            "otherwise": "I did not understand {words}.",
        },
    ),
    Schema.FAULTS: (
        Faults,
        {
            "starts": {"1": {"lost": True}, "2-5": {"status": 503, "body": "x"}},
            "reads": {"all": {"delay": "1s", "headers": {"Retry-After": "1"}}, "3-": {"truncated": True, "done": None}},
            "runs": {
                "30": {"evaluator": "never"},
                "31#2": {"ends": "failed", "queue": "1s", "verdict": {"success": None}},
            },
            "reversed": True,
            "start_runs": "object",
            "without": ["id"],
            "extra": {"a": [1]},
        },
    ),
}
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 2.0, 0.5, -0.5, 30, 1001, 2**63, 10**30, 1e308),
    *(
        "",
        " ",
        "x",
        "5",
        "0",
        "true",
        "20s",
        "0s",
        "0.0m",
        " 20s",
        "20s\n",
        "20 s",
        "1.5h",
        ".5s",
        "-5m",
        "+1s",
        "text",
    ),
    *("Text", "voice", "all", "30#1", "wrapper", "error", "never", "enum", "success", "\x00", "𝔘", "A" * 200),
    *([], {}, [None], [[]], [1], ["a"], {"": None}, {"a": 1}, {"name": "a"}, {"text_mode": True}, {"say": "x"}),
)
KEYS = (
    *("", "x", "name", "Name", "scenario", "text_mode", "cekura", "arguments", "with", "say", "call", "tool", "user"),
    *("result", "greeting", "30", "0", "-1", "007", "1.0", "30#1", "30#0", "all", "2-", "2-x", "true"),
)
INEXPRESSIBLE = (
    "is not a duration",  # more than 30 days
    "no pattern of the rule has a group",
    "is not a regular expression",
    "is not the text of a JSON object",
)
"""Faults that a JSON Schema cannot express: the loader alone names them."""


def mangled(value: Any, chance: random.Random) -> Any:
    """The value with one to three of its parts replaced, dropped, renamed or doubled."""
    value = copy.deepcopy(value)
    for _ in range(chance.randint(1, 3)):
        holders = [each for each in parts(value) if each]
        if not holders:
            return value
        holder = chance.choice(holders)
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match chance.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case 1:
                holder[chance.choice(KEYS)] = holder.pop(key)
            case 2 if isinstance(holder, dict):
                holder[chance.choice(KEYS)] = copy.deepcopy(chance.choice(ODD))
            case _:
                holder[key] = copy.deepcopy(chance.choice(ODD))
    return value


def parts(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict | list) else []) + [part for each in children for part in parts(each)]


@pytest.mark.parametrize("kind", WHOLE)
def test_schema_and_loader_agree(kind: Schema, tmp_path: Path) -> None:
    model, whole = WHOLE[kind]
    validator = jsonschema.Draft202012Validator(schema_of(kind))
    chance = random.Random(kind.value)
    path = tmp_path / "f.yaml"
    differences, accepted = [], 0
    for value in [whole, *(mangled(whole, chance) for _ in range(400))]:
        path.write_text(json.dumps(value), encoding="utf-8")
        refused = next(validator.iter_errors(value), None)
        try:
            load(path, model, error=SuiteError)
        except SuiteError as error:
            if refused is None and not any(each in str(error) for each in INEXPRESSIBLE):
                differences.append(f"the loader alone refuses it: {str(error).removeprefix(str(path))}")
        else:
            accepted += 1
            if refused is not None:
                differences.append(f"the schema alone refuses it: {refused.json_path}: {refused.message[:200]}")
    assert differences == []
    assert 20 < accepted < 380, "both answers occur"


def test_the_words_of_a_suite_that_needs_an_agent(tmp_path: Path) -> None:
    """The suite's own check has a better sentence than the schema, for the same files."""
    path = tmp_path / "cekura.yaml"
    validator = jsonschema.Draft202012Validator(schema_of(Schema.SUITE))
    for keys, says in (
        ({}, "agent_name is required"),
        ({"agent_name": None}, "agent_name is required"),
        ({"worker": "w"}, ""),
    ):
        value = {"runs": [{"scenario": 1}], **keys}
        path.write_text(json.dumps(value), encoding="utf-8")
        assert validator.is_valid(value) is not bool(says)
        if says:
            with pytest.raises(SuiteError, match=says):
                Suite.load(path)
        else:
            Suite.load(path)
