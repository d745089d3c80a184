"""Two conversations beside each other, and what differs first. Pure."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from ..report.sanitize import printable_line
from ..report.transcript_lines import line_text
from ..verdict import Line
from .recorded import plain

_NAMES: Final = {"evaluator": "caller", "agent": "agent", "tool": "tool"}
_NARROWEST: Final = 24
"""Characters of a column."""


@dataclass(frozen=True)
class Row:
    """Two lines that are beside each other; None where one side has nothing."""

    then: Line | None
    now: Line | None
    same: bool


def rows(then: Sequence[Line], now: Sequence[Line]) -> list[Row]:
    """Return the words and tool calls of both conversations, aligned by what is the same.

    Handoffs, errors and other events are left out: a room in memory has not all of them.
    """
    left, right = ([line for line in lines if line.role in _NAMES] for lines in (then, now))
    right = _in_the_order_of(left, right)
    matcher = difflib.SequenceMatcher(None, list(map(_key, left)), list(map(_key, right)), autojunk=False)
    found: list[Row] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        pairs = zip_longest(left[a:b], right[c:d])
        found += [Row(one, other, kind == "equal") for one, other in pairs]
    return found


def _in_the_order_of(then: Sequence[Line], now: Sequence[Line]) -> list[Line]:
    """Return the lines of now, where a tool call and words of the same answer stand in the order that they had then.

    An agent says words and calls a tool at the same time: which of them is first is chance.
    """
    ordered: list[Line] = []
    nothing: list[Line] = []
    for one, other in zip_longest(_turns(then), _turns(now), fillvalue=nothing):
        by_role = {role: [line for line in other if line.role == role] for role in _NAMES}
        if [_key(line) for role in _NAMES for line in one if line.role == role] == [
            _key(line) for lines in by_role.values() for line in lines
        ]:
            ordered += [by_role[line.role].pop(0) for line in one]
        else:
            ordered += other
    return ordered


def _turns(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines, cut before each of the evaluator's."""
    turns: list[list[Line]] = [[]]
    for line in lines:
        if line.role == "evaluator":
            turns.append([])
        turns[-1].append(line)
    return turns


def first_difference(rows: Sequence[Row]) -> list[str]:
    """Return lines that describe the first difference; none if there is none."""
    place = next((number for number, row in enumerate(rows) if not row.same), None)
    if place is None:
        return []
    row = rows[place]
    said = next((each.now for each in reversed(rows[:place]) if each.now and each.now.role == "evaluator"), None)
    after = f" after {said.text!r}" if said is not None else " at the beginning"
    return [f"first difference,{after}:", f"  then  {_shown(row.then)}", f"  now   {_shown(row.now)}"]


def table(rows: Sequence[Row], *, width: int) -> Iterator[str]:
    """Yield the lines of both conversations beside each other; ``≠`` marks what differs."""
    column = max(_NARROWEST, (width - 7) // 2)
    yield f"  {'then':{column}} │ now"
    for row in rows:
        mark = " " if row.same else "≠"
        left, right = (_wrapped(line, column) for line in (row.then, row.now))
        for number, (one, other) in enumerate(zip_longest(left, right, fillvalue="")):
            yield f"{mark if not number else ' '} {one:{column}} │ {other}".rstrip()


def _wrapped(line: Line | None, width: int) -> list[str]:
    if line is None:
        return [""]
    text = _shown(line)
    return textwrap.wrap(text, width, subsequent_indent=" " * 8) or [""]


def _shown(line: Line | None) -> str:
    if line is None:
        return "(nothing)"
    return f"{_NAMES[line.role]:>6}  {printable_line(line_text(line))}"


def _key(line: Line) -> str:
    """Return what makes two lines the same: in voice, punctuation and case are the recognizer's."""
    if line.role != "tool":
        return f"{line.role}: {plain(line.text)}"
    arguments = json.dumps(line.arguments, sort_keys=True, default=str).casefold()
    return f"tool: {line.name} {arguments} {line.is_error} {plain(line.output)} {line.exception}"
