"""Keys of a rule that fit together, as JSON Schema for editors. The same is checked, in words, by `rules.Rule`."""

from __future__ import annotations

from typing import Final

_SET: Final = {"not": {"type": "null"}}

FIT_TOGETHER: Final = {
    "anyOf": [
        {"required": ["say"], "properties": {"say": {"minLength": 1}}},
        {"required": ["call"], "properties": {"call": {"type": "string"}}},
    ],
    "allOf": [
        {"not": {"required": ["greeting", "user"], "properties": {"greeting": {"const": True}, "user": _SET}}},
        {"not": {"required": ["greeting", "tool"], "properties": {"greeting": {"const": True}, "tool": _SET}}},
        {"not": {"required": ["user", "tool"], "properties": {"user": _SET, "tool": _SET}}},
    ],
    "dependentSchemas": {
        "result": {
            "anyOf": [
                {"properties": {"result": {"type": "null"}}},
                {"required": ["tool"], "properties": {"tool": _SET}},
            ]
        },
        "with": {
            "anyOf": [
                {"properties": {"with": {"maxProperties": 0}}},
                {"required": ["call"], "properties": {"call": _SET}},
            ]
        },
    },
}
