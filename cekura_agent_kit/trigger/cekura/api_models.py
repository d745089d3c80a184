"""What Cekura's API says of runs and results, read from answers whose every field is optional. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ...verdict import Line, Metric

FINAL: Final = frozenset({"completed", "failed", "timeout", "cancelled"})
"""Statuses after which nothing changes; any other word, known or not, goes on."""
CONVERSATION_OVER: Final = FINAL | {"evaluating"}

_LIMIT: Final = 20_000
"""Characters of one text, entries of one list: a report is to be opened."""
_DEPTH: Final = 50
"""Levels of a tool call's arguments."""
_ROLES: Final[dict[str, Literal["evaluator", "agent", "tool"]]] = {
    "testing agent": "evaluator",
    "main agent": "agent",
    "function call": "tool",
    "function call result": "tool",
}
_TRANSCRIPT_LINE: Final = re.compile(r"^\s*\[(\d+):(\d\d)\]\s*(Testing Agent|Main Agent):\s?(.*)$")


@dataclass(frozen=True)
class ApiRun:
    """A run as Cekura told of it. Texts are empty and numbers None where it did not."""

    id: int
    status: str = ""
    success: bool | None = None
    error: str = ""
    scenario: int | None = None
    scenario_name: str = ""
    result_id: int | None = None
    recording_url: str = ""
    ended_reason: str = ""
    expected_outcome: str = ""
    score: float | None = None
    explanation: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    transcript: tuple[Line, ...] = ()
    """Its times are seconds from the talk's beginning."""

    @property
    def final(self) -> bool:
        """Nothing will change any more."""
        return self.status in FINAL

    @property
    def conversation_over(self) -> bool:
        """The evaluator has nothing more to say; the scoring may go on."""
        return self.status in CONVERSATION_OVER


@dataclass(frozen=True)
class StartAnswer:
    """A start's answer."""

    result_id: int | None
    runs: tuple[ApiRun, ...]


def read_start(value: Any) -> StartAnswer:
    """A start's answer.

    Raises:
        ValueError: it is no object, or names no run.
    """
    if not isinstance(value, dict):
        raise ValueError(f"it is {type(value).__name__}, not an object")
    runs = tuple(read_runs(value.get("runs")))
    if not runs:
        raise ValueError("it names no run")
    return StartAnswer(_int(value.get("id")), runs)


def read_runs(value: Any) -> list[ApiRun]:
    """The runs of an array, of an object keyed by run id, or of a page; what is none is left out."""
    return list(_runs(value))


def _runs(value: Any) -> Iterator[ApiRun]:
    if isinstance(value, dict):
        for key in ("results", "runs"):
            if isinstance(value.get(key), list | dict):
                yield from _runs(value[key])
                return
        if "id" in value and _int(value["id"]) is not None:
            yield _run(value, _int(value["id"]))  # type: ignore[arg-type]
            return
        for key, each in value.items():
            run_id = _int(each.get("id", key)) if isinstance(each, dict) else None
            if run_id is not None:
                yield _run(each, run_id)
    elif isinstance(value, list):
        for each in value:
            run_id = _int(each.get("id")) if isinstance(each, dict) else None
            if run_id is not None:
                yield _run(each, run_id)


def _run(value: dict[str, Any], run_id: int) -> ApiRun:
    scenario = value.get("scenario")
    outcome = value.get("expected_outcome")
    details = outcome if isinstance(outcome, dict) else {}
    metadata = value.get("metadata")
    success = value.get("success")
    return ApiRun(
        id=run_id,
        status=_text(value.get("status")).strip().lower(),
        success=success if isinstance(success, bool) else None,
        error=_text(value.get("error_message")),
        scenario=_int(scenario.get("id") if isinstance(scenario, dict) else scenario),
        scenario_name=_text(value.get("scenario_name")) or _text(_get(scenario, "name")),
        result_id=_int(value.get("result_id")),
        recording_url=_text(value.get("voice_recording_url")),
        ended_reason=_text(_get(metadata, "ended_reason")),
        expected_outcome=outcome if isinstance(outcome, str) else _outcome_text(details),
        score=_number(details.get("score")),
        explanation=_texts(details.get("explanation")),
        metrics=tuple(_metrics(_get(value.get("evaluation"), "metrics"))),
        transcript=tuple(_lines(value.get("transcript_object")) or _lines_of_text(value.get("transcript"))),
    )


def _outcome_text(outcome: dict[str, Any]) -> str:
    alignments = outcome.get("outcome_alignments")
    parts = [_text(_get(each, "outcome")) for each in alignments] if isinstance(alignments, list) else []
    return "; ".join(part for part in parts if part)


def _metrics(value: Any) -> Iterator[Metric]:
    for each in value[:_LIMIT] if isinstance(value, list) else ():
        if isinstance(each, dict):
            explanation = "\n".join(_texts(each.get("explanation")))
            yield Metric(name=_text(each.get("name")), score=_number(each.get("score")), explanation=explanation)


def _lines(value: Any) -> list[Line]:
    lines: list[Line] = []
    for each in value[:_LIMIT] if isinstance(value, list) else ():
        role = _ROLES.get(_text(_get(each, "role")).strip().lower())
        if role is None:
            continue
        at = next(
            (at for key in ("start_time", "time", "timestamp") if (at := _seconds(each.get(key))) is not None), None
        )
        if role == "tool":
            _add_tool(lines, each, at)
        else:
            lines.append(Line(role=role, text=_text(each.get("content")), at=at))
    return lines


def _add_tool(lines: list[Line], each: dict[str, Any], at: float | None) -> None:
    """A call is a line; its result is that line's output."""
    data = each.get("data") if isinstance(each.get("data"), dict) else each
    content = _text(each.get("content"))
    if "result" in _text(each.get("role")).lower():
        if lines and lines[-1].role == "tool" and not lines[-1].output:
            lines[-1] = lines[-1].model_copy(update={"output": content})
        else:
            lines.append(Line(role="tool", name=_text(_get(data, "name")), output=content, at=at))
        return
    arguments = _get(data, "arguments")
    known = writable(arguments) if isinstance(arguments, dict) else {}
    lines.append(Line(role="tool", name=_text(_get(data, "name")), text=content, arguments=known, at=at))


def _lines_of_text(value: Any) -> list[Line]:
    lines: list[Line] = []
    for line in value.splitlines()[:_LIMIT] if isinstance(value, str) else ():
        if match := _TRANSCRIPT_LINE.match(line):
            minutes, seconds, role, text = match.groups()
            lines.append(Line(role=_ROLES[role.lower()], text=text, at=float(minutes) * 60 + float(seconds)))
        elif lines:
            lines[-1] = lines[-1].model_copy(update={"text": f"{lines[-1].text}\n{line}"})
    return lines


def _seconds(value: Any) -> float | None:
    if isinstance(value, str) and (match := re.match(r"^\s*(\d+):(\d\d(?:\.\d+)?)\s*$", value)):
        return float(match[1]) * 60 + float(match[2])
    # Larger ones are dates, not seconds into a talk.
    number = _number(value)
    return number if number is not None and 0 <= number < 1e6 else None


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _texts(value: Any) -> tuple[str, ...]:
    values: Sequence[Any] = value[:_LIMIT] if isinstance(value, list) else [value]
    return tuple(text for each in values if (text := _text(each)))


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # A lone surrogate can be said in JSON and written in no file.
    return text[:_LIMIT].encode("utf-8", "replace").decode()


def writable(value: Any, *, depth: int = _DEPTH) -> Any:
    """JSON from elsewhere as it can be written again: no lone surrogates, no number beyond JSON's own, not too deep."""
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        return {_text(key): writable(each, depth=depth - 1) for key, each in value.items()}
    if isinstance(value, list):
        return [writable(each, depth=depth - 1) for each in value[:_LIMIT]]
    if isinstance(value, str):
        return _text(value)
    beyond = isinstance(value, int | float) and not isinstance(value, bool) and _number(value) is None
    return None if beyond else value


def _int(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18
    return value if usable else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15 or math.isnan(value):
        return None
    return float(value)
