"""Values of options that have a form of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import SuiteError


def json_object(text: str | None) -> dict[str, Any] | None:
    """Return the value of `--metadata`; None if it is not given.

    Raises:
        SuiteError: not a JSON object.
    """
    if text is None:
        return None
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise SuiteError(f"--metadata is not JSON: {error}", hint="""write it as '{"key": "value"}'""") from None
    if not isinstance(value, dict):
        raise SuiteError("--metadata is not a JSON object", hint="""write it as '{"key": "value"}'""")
    return value


def number_or_word(text: str | None) -> int | str | None:
    """Return the value of an option that is a whole number or a word; None if it is not given."""
    return int(text) if text is not None and text.lstrip("-").isdecimal() else text


def _refuse(constant: str) -> None:
    """Refuse Infinity and NaN, which Python reads and JSON does not have."""
    raise ValueError(f"{constant} is not a value of JSON")


def suite_here(given: Path | None) -> Path | None:
    """Return the suite that is given, else that of the current folder, if there is one."""
    from ..trigger.plan.suite import DEFAULT_FILE

    return Path(DEFAULT_FILE) if given is None and Path(DEFAULT_FILE).exists() else given


def shard_parts(text: str) -> tuple[int, int]:
    """Return index and number of parts of `--shard`; 1 of 1 if it is not given.

    Raises:
        SuiteError: not of the form I/N.
    """
    if not text:
        return 1, 1
    index, slash, count = text.partition("/")
    if slash and index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count):
        return int(index), int(count)
    raise SuiteError(f"--shard: {text!r} is not a shard", hint="write 2/4 for the second of four parts")
