"""JSON that others wrote, read by field: any type, depth and size gives a text, a number or a safe copy. Pure."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any, Final

from ..safe_text import TEXT_LIMIT, without_surrogates

LIST_LIMIT: Final = 20_000
"""Elements of one list."""
DEPTH_LIMIT: Final = 50
"""Levels of a copied value, which a report can nest further."""

_CLOCK: Final = re.compile(r"([0-9]{1,3}:)?[0-9]{1,4}:[0-9]{2}")
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


def field_of(value: Any, key: str) -> Any:
    """Return the value of a key; None for a value that is not an object."""
    return value.get(key) if isinstance(value, dict) else None


def items_of(value: Any) -> list[Any]:
    """Return the elements of an array, `LIST_LIMIT` at most; none for any other value."""
    return value[:LIST_LIMIT] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """Return a string as it is, null as an empty text and any other value as JSON, cut to `TEXT_LIMIT` characters."""
    if value is None:
        return ""
    return without_surrogates((value if isinstance(value, str) else _json(value))[:TEXT_LIMIT])


def texts_of(value: Any) -> tuple[str, ...]:
    """Return the texts of an array, or of a single value, without empty ones."""
    values = items_of(value) if isinstance(value, list) else [value]
    return tuple(text for each in values if (text := text_of(each)))


def int_of(value: Any) -> int | None:
    """Return an id: an integer from 0, also as a string of digits; None for any other value."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18
    return value if usable else None


def number_of(value: Any) -> float | None:
    """Return a finite number of a reasonable size; None for any other value, true and false included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15 or math.isnan(value):
        return None
    return float(value)


def moment_of(value: Any) -> float | None:
    """Return a time in ISO 8601, from 1970, as Unix seconds, in UTC without an offset; None for any other value."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        return at if at >= 0 else None
    except (ValueError, OverflowError):
        return None


def clock_of(value: Any) -> float | None:
    """Return ``MM:SS`` or ``HH:MM:SS`` as seconds; None for any other value."""
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        return None
    seconds = 0
    for part in value.split(":"):
        seconds = seconds * 60 + int(part)
    return float(seconds)


def decimal_of(value: Any) -> float | None:
    """Return a number that may be written as a string, as amounts are: ``"985.50"``; None for any other value."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return float(value)
    return number_of(value)


def copy_of(value: Any, *, depth: int = DEPTH_LIMIT) -> Any:
    """Return the value as it can be written again: no lone surrogates, no number beyond JSON's own, not too deep."""
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        return {text_of(key): copy_of(each, depth=depth - 1) for key, each in value.items()}
    if isinstance(value, list):
        return [copy_of(each, depth=depth - 1) for each in items_of(value)]
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and number_of(value) is None:
        return None
    return value


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        # Deeper than the encoder can follow, which is far less than the decoder accepts.
        return "…"
