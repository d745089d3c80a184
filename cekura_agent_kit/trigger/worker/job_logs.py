"""A worker's log, cut by job: from any form of livekit-agents' log, and from whatever else is in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from .worker_log import fields

_IDS: Final = re.compile(r"\b(?:AJ|RM)_\w{6,}")
"""Ids of jobs and rooms on a LiveKit server."""
_STAMPED: Final = re.compile(r"^\r?(?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d")
"""Beginning of a record of `dev`, and of most formats that a program sets itself."""
_TRACEBACK: Final = re.compile(r"\s+\S|Traceback \(|[\w.]*(?:Error|Exception)\b|$")
"""Line of a traceback, which continues a record."""
_MAIN: Final = ("registered worker", "starting worker")
"""Records of the main process, which are not of a job."""


@dataclass(frozen=True)
class _Line:
    text: str
    ids: frozenset[str]
    pid: int | None
    is_record: bool
    is_json: bool


class JobLogs:
    """Lines of each of a worker's jobs.

    A line belongs to a job that it names, by the job's id, its room or its process. A line that names none, such as one
    that the agent prints, belongs to the only job that runs at that place of the log, or to the record that it
    continues as a traceback. Otherwise it may be of any job that runs, and is in the log of each.

    Args:
        log: the worker's log.
        rooms: names of the rooms of all jobs.
    """

    def __init__(self, log: str, rooms: Iterable[str]) -> None:
        self._rooms = set(filter(None, rooms))
        names = re.compile("|".join(map(re.escape, sorted(self._rooms))) or r"(?!)")
        self._lines = [_parsed(line, names) for line in log.splitlines()]
        self._cut: dict[str, list[str]] = {}
        self._divide()

    def of(self, room: str) -> str:
        """Return the lines of the room's jobs; empty if the log names none of them."""
        return "".join(f"{line}\n" for line in self._cut.get(room, ()))

    def _divide(self) -> None:
        rooms = self._rooms_by_id()
        named = [self._named(line, rooms) for line in self._lines]
        owners = self._with_tracebacks(self._with_processes(named))
        # A process is idle until its job is named.
        first = {room: number for number, room in reversed(list(enumerate(named))) if room}
        last = {room: number for number, room in enumerate(owners) if room}
        running: list[str] = []
        continued: str | None = None
        for number, (line, owner) in enumerate(zip(self._lines, owners, strict=True)):
            if owner and first[owner] == number:
                running.append(owner)
            if line.is_record:
                continued = None if line.is_json else owner
            of = owner or (continued if _TRACEBACK.match(line.text) else None)
            for room in [of] if of else running:
                self._cut.setdefault(room, []).append(line.text)
            running = [room for room in running if last[room] > number]

    def _with_tracebacks(self, owners: list[str | None]) -> list[str | None]:
        """Return the room of each line, one for a whole record: `dev` writes a record's fields after its traceback."""
        found = list(owners)
        start = 0
        for end in range(1, len(owners) + 1):
            if end < len(owners) and not self._lines[end].is_record and _TRACEBACK.match(self._lines[end].text):
                continue
            if self._lines[start].is_record and not self._lines[start].is_json:
                owner = next((each for each in owners[start:end] if each), None)
                found[start:end] = [each or owner for each in owners[start:end]]
            start = end
        return found

    def _with_processes(self, owners: list[str | None]) -> list[str | None]:
        """Return the room of each line, also of those that only have the process of one job."""
        rooms_of: dict[int, set[str]] = {}
        for line, owner in zip(self._lines, owners, strict=True):
            if owner is not None and line.pid is not None:
                rooms_of.setdefault(line.pid, set()).add(owner)
        main = {line.pid for line in self._lines if any(each in line.text for each in _MAIN)}
        by_pid = {pid: next(iter(found)) for pid, found in rooms_of.items() if len(found) == 1 and pid not in main}
        return [
            owner or (by_pid.get(line.pid) if line.pid is not None else None)
            for line, owner in zip(self._lines, owners, strict=True)
        ]

    def _rooms_by_id(self) -> dict[str, str]:
        """Return the room of each id of a job or a room, by the lines that have both."""
        found = {room: room for room in self._rooms}
        for line in self._lines:
            named = line.ids & self._rooms
            if len(named) == 1:
                found |= dict.fromkeys(line.ids, *named)
        return found

    @staticmethod
    def _named(line: _Line, rooms: dict[str, str]) -> str | None:
        named = {rooms[each] for each in line.ids if each in rooms}
        # A line about several jobs is about the worker.
        return named.pop() if len(named) == 1 else None


def _parsed(text: str, rooms: re.Pattern[str]) -> _Line:
    values: dict[str, Any] = fields(text) if "{" in text else {}
    pid = values.get("pid")
    is_json = text.startswith("{") and "message" in values
    return _Line(
        text=text,
        ids=frozenset([*_IDS.findall(text), *rooms.findall(text)]),
        pid=pid if isinstance(pid, int) else None,
        is_record=is_json or _STAMPED.match(text) is not None,
        is_json=is_json,
    )
