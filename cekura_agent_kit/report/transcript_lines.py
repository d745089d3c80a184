"""A transcript as plain lines, for renderings that are text."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..verdict import Line, RunVerdict
from .phrases import clock, reply_times, seconds, speaker, talk_begins
from .sanitize import one_line, printable


def call(line: Line) -> str:
    """A tool call: ``book_table(people=2, time="19:00")``."""
    arguments = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False, default=str)}" for name, value in line.arguments.items()
    )
    return one_line(f"{line.name or 'tool'}({arguments})" if line.name or line.arguments else line.text or "tool")


def words_of(line: Line) -> str:
    """What a line says, tool calls with their output, in as many lines as were said."""
    if line.role != "tool":
        return printable(line.text)
    outcome = f" failed: {one_line(line.output)}" if line.text == "failed" else f" → {one_line(line.output)}"
    return call(line) + (outcome if line.output or line.text == "failed" else "")


def talk(run: RunVerdict) -> Iterator[tuple[str, str, str, str]]:
    """Time, speaker, words and reply time of each line; empty where unknown."""
    begins, replies = talk_begins(run), reply_times(run)
    for n, line in enumerate(run.transcript):
        at = clock(line.at - begins) if line.at is not None else ""
        yield at, one_line(speaker(line)), words_of(line), seconds(replies[n]) if n in replies else ""
