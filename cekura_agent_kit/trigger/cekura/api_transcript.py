"""Transcripts in Cekura's answers: an array of lines with roles, or plain text. Pure."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from ...verdict import Line
from ..json_values import LIST_LIMIT, copy_of, field_of, items_of, number_of, text_of

_ROLES: Final[dict[str, Literal["evaluator", "agent", "tool"]]] = {
    "testing agent": "evaluator",
    "main agent": "agent",
    "function call": "tool",
    "function call result": "tool",
}
_TEXT_LINE: Final = re.compile(r"^\s*\[(\d+):(\d\d)\]\s*(Testing Agent|Main Agent):\s?(.*)$")
_MINUTES: Final = re.compile(r"^\s*(\d{1,6}):(\d\d(?:\.\d+)?)\s*$")
_LATEST: Final = 1e6
"""Seconds. A larger number in a time field is a date, not a time in a conversation."""


def read_transcript(objects: Any, text: Any) -> tuple[Line, ...]:
    """Read a run's transcript.

    Args:
        objects: ``transcript_object``, preferred.
        text: ``transcript``, lines ``[mm:ss] Testing Agent: …``.

    Returns:
        Its lines; their times are seconds from the beginning of the conversation.
    """
    return tuple(_read_objects(objects) or _read_text(text))


def _read_objects(value: Any) -> list[Line]:
    lines: list[Line] = []
    for each in items_of(value):
        role = _ROLES.get(text_of(field_of(each, "role")).strip().lower())
        if role == "tool":
            _add_tool(lines, each)
        elif role is not None:
            lines.append(Line(role=role, text=text_of(each.get("content")), at=_time_of(each)))
    return lines


def _add_tool(lines: list[Line], each: dict[str, Any]) -> None:
    """Add a line for a tool's call; a result becomes the output of the call before it."""
    data = each.get("data") if isinstance(each.get("data"), dict) else each
    name, content = text_of(field_of(data, "name")), text_of(each.get("content"))
    if "result" in text_of(each.get("role")).lower():
        if lines and lines[-1].role == "tool" and not lines[-1].output:
            lines[-1] = lines[-1].model_copy(update={"output": content})
        else:
            lines.append(Line(role="tool", name=name, output=content, at=_time_of(each)))
        return
    arguments = field_of(data, "arguments")
    copied = copy_of(arguments) if isinstance(arguments, dict) else {}
    lines.append(Line(role="tool", name=name, text=content, arguments=copied, at=_time_of(each)))


def _read_text(value: Any) -> list[Line]:
    lines: list[Line] = []
    for line in value.splitlines()[:LIST_LIMIT] if isinstance(value, str) else ():
        if match := _TEXT_LINE.match(line):
            minutes, seconds, role, text = match.groups()
            at = _within_limit(float(minutes) * 60 + float(seconds))
            lines.append(Line(role=_ROLES[role.lower()], text=text_of(text), at=at))
        elif lines:
            lines[-1] = lines[-1].model_copy(update={"text": text_of(f"{lines[-1].text}\n{line}")})
    return lines


def _time_of(each: dict[str, Any]) -> float | None:
    times = (_seconds(each.get(key)) for key in ("start_time", "time", "timestamp"))
    return next((at for at in times if at is not None), None)


def _seconds(value: Any) -> float | None:
    if isinstance(value, str) and (match := _MINUTES.match(value)):
        return _within_limit(float(match[1]) * 60 + float(match[2]))
    number = number_of(value)
    return None if number is None else _within_limit(number)


def _within_limit(seconds: float) -> float | None:
    return seconds if 0 <= seconds < _LATEST else None
