"""Transcript of a run as plain lines, for reports that are text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from ..verdict import Line, RunVerdict, exception_of
from .durations import clock, conversation_start, reply_times, seconds
from .phrases import speaker
from .sanitize import printable, printable_line


class TextLine(NamedTuple):
    """One line of a transcript as text. A part that is not known is empty."""

    at: str
    """``0:03.4`` into the conversation."""
    speaker: str
    text: str
    """May have several lines."""
    reply_time: str
    """``0.42 s``, on the first line of a reply."""


def transcript_lines(run: RunVerdict) -> Iterator[TextLine]:
    """Return the lines of the run's transcript."""
    start, replies = conversation_start(run), reply_times(run)
    for index, line in enumerate(run.transcript):
        at = clock(line.at - start) if line.at is not None else ""
        reply_time = seconds(replies[index]) if index in replies else ""
        yield TextLine(at, printable_line(speaker(line)), line_text(line), reply_time)


def line_text(line: Line) -> str:
    """Return the words of a line; of a tool call, the call and its output."""
    if line.role != "tool":
        return printable(line.text)
    mocked = " (mocked)" if line.mocked else ""
    if line.is_error or line.exception:
        raised = f"\nraised {printable_line(exception_of(line))}" if line.exception else ""
        return f"{tool_call(line)}{mocked} failed: {printable_line(line.output)}{raised}"
    return tool_call(line) + mocked + (f" → {printable_line(line.output)}" if line.output else "")


def tool_call(line: Line) -> str:
    """Return ``book_table(people=2, time="19:00")``."""
    arguments = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False, default=str)}" for name, value in line.arguments.items()
    )
    if line.name or line.arguments:
        return printable_line(f"{line.name or 'tool'}({arguments})")
    return printable_line(line.text or "tool")
