"""Lines of the agent's own code: those of a stack or a waiting task that are not in a library."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from ..own_code import Place, is_kit, is_own

__tracebackhide__ = True

_ENDLESS: Final = ("wait", "get", "acquire", "join")
"""Functions of asyncio's locks and queues, which wait for another task and never for time."""


@dataclass(frozen=True)
class Waiting:
    """A task that waits.

    Attributes:
        own: the frames of the agent's own code, outermost first.
        is_for_another: the agent's own code awaits an event, a lock, a queue, a task or a future: time does not end it.
    """

    own: list[Place]
    is_for_another: bool

    def __str__(self) -> str:
        outer, *inner = self.own
        first = f"{outer.function} waits at {Path(outer.file).name}:{outer.line}"
        return " > ".join([first, *map(str, inner)])


def own_place(frame: FrameType | None) -> Place | None:
    """Return the innermost frame of a running stack that is the agent's own."""
    while frame is not None:
        if is_own(frame.f_code.co_filename):
            return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        frame = frame.f_back
    return None


def waiting(task: asyncio.Task[Any]) -> Waiting | None:
    """Return where a task waits; None where no frame of it is the agent's own."""
    places = list(_frames(task))
    own = [place for place in places if is_own(place.file)]
    if not own:
        return None
    *_, caller, inner = [places[0], *places]
    is_lock = Path(inner.file).stem in ("locks", "queues") and inner.function in _ENDLESS
    return Waiting(own, is_for_another=inner in own or (is_lock and caller in own))


def _frames(task: asyncio.Task[Any]) -> Iterator[Place]:
    """Yield the frames in which a task waits, outermost first."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = _attribute(awaited, "frame")
        if frame is None:
            return
        yield Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        awaited = _attribute(awaited, "await") or getattr(awaited, "gi_yieldfrom", None)


def _attribute(awaited: Any, name: str) -> Any:
    for kind in ("cr", "ag", "gi"):
        if (found := getattr(awaited, f"{kind}_{name}", None)) is not None:
            return found
    return None


def is_of_test(task: asyncio.Task[Any]) -> bool:
    """Return whether a task waits in a rehearsal, as a test's does."""
    return any(is_kit(place.file) and Path(place.file).stem in ("rehearsal", "scenarios") for place in _frames(task))
