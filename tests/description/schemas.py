"""Cekura's description as JSON Schema."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

try:
    from jsonschema import Draft202012Validator, FormatChecker
except ImportError:
    if os.environ.get("CI"):
        raise
    INSTALLED = False
else:
    INSTALLED = True

DESCRIPTION: Final = Path(__file__).parents[1] / "data" / "cekura-openapi.json"


def _repaired(schema: Any) -> Any:
    """Return the description as its authors mean it, where a validator reads it otherwise.

    ``nullable`` is of OpenAPI 3.0, the rest of 3.1. ``oneOf: [{}, null]`` fits no null: null fits both.
    """
    if isinstance(schema, list):
        return [_repaired(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if {} in schema.get("oneOf", []):
        return {}
    repaired = {key: _repaired(value) for key, value in schema.items()}
    if repaired.pop("nullable", False) is True:
        repaired["type"] = [repaired["type"], "null"]
    return repaired


@functools.cache
def description() -> dict[str, Any]:
    described: dict[str, Any] = _repaired(json.loads(DESCRIPTION.read_text()))
    return described


_formats: Any = FormatChecker(formats=()) if INSTALLED else None


def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value))


if INSTALLED:
    _formats.checks("date-time", raises=ValueError)(_is_date_time)


@functools.lru_cache
def _validator(schema: str) -> Any:
    root = json.loads(schema) | {"components": description()["components"]}
    return Draft202012Validator(root, format_checker=_formats)


def differences(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, str]]:
    """Yield the place, as a JSON pointer, and the text of each difference between a value and a schema."""
    for error in _validator(json.dumps(schema)).iter_errors(value):
        yield "".join(f"/{each}" for each in error.absolute_path), error.message
