"""Work that an entrypoint leaves behind, and that could still start a session. Any doubt counts as such work."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import thread as executors
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from .internals.framework import registered_functions
from .job import TASK_PREFIX

if TYPE_CHECKING:
    from livekit.agents import JobContext

_KIT: Final = f"{Path(__file__).parents[1]}/"
_LIVEKIT: Final = tuple(f"{Path(folder)}/" for folder in importlib.import_module("livekit").__path__)
_LIBRARIES: Final = (
    _KIT,
    *_LIVEKIT,
    f"{Path(asyncio.__file__).parent}/",
    f"{Path(importlib.import_module('aiohttp').__file__ or '').parent}/",
)
"""Folders of code that starts no session by itself. aiohttp sets a timer for each connection that it keeps."""
_HANDS_OVER: Final = (
    f"{Path(executors.__file__).parent}/",
    f"{Path(asyncio.__file__).parent}/",
    str(threading.__file__),
)
"""Code by which a result goes from an executor's thread to whoever awaits it."""


class PendingWork:
    """Tasks, timers and threads since the entrypoint began, and functions that it registered.

    Make it before the entrypoint runs; what there is by then is none of its work.

    Args:
        context: of the job.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._before: set[object] = {*asyncio.all_tasks(), *_timers(), *threading.enumerate()}

    def describe(self) -> list[str]:
        """Describe what could still start a session; empty if nothing could."""
        registered = registered_functions(self._context)
        if registered is None:
            return ["functions that this livekit-agents registers elsewhere"]
        found = [
            f"{kind} {_name(function)}" for kind, function in registered if not _is_in(_LIBRARIES, _code(function))
        ]
        found += [f"the task {_name(task.get_coro())}" for task in asyncio.all_tasks() if self._is_of_agent(task)]
        found += self.timers()
        found += [
            f"the thread {thread.name}"
            for thread in threading.enumerate()
            if thread not in self._before and not _is_of_library(thread) and not _is_idle(thread)
        ]
        return found

    def timers(self) -> list[str]:
        """Describe the timers that are still to run."""
        found = []
        for timer in _timers():
            code = _code(timer._callback)  # type: ignore[attr-defined]
            # A callback without code is a step of a task or a future's own.
            if timer not in self._before and code is not None and not _is_in(_LIBRARIES, code):
                found.append(f"the timer {code.co_qualname}")
        return found

    def _is_of_agent(self, task: asyncio.Task[Any]) -> bool:
        """Return False for tasks of the kit, and for livekit's own; the agent may run livekit's public functions."""
        if task in self._before or task is asyncio.current_task() or task.get_name().startswith(TASK_PREFIX):
            return False
        coroutine = task.get_coro()
        code = getattr(coroutine, "cr_code", None)
        if _is_in((_KIT,), code):
            return False
        return not (_is_in(_LIVEKIT, code) and _name(coroutine).rpartition(".")[2].startswith("_"))


def _timers() -> Iterator[asyncio.Handle]:
    """Yield the callbacks that the running loop will call; none of a loop that is not asyncio's own."""
    loop = asyncio.get_running_loop()
    for handles in (getattr(loop, "_scheduled", ()), getattr(loop, "_ready", ())):
        yield from (handle for handle in list(handles) if not handle.cancelled())


def _is_of_library(thread: threading.Thread) -> bool:
    """Return True for a thread that a library runs for itself: a worker may run its other jobs in threads."""
    return _is_in(_LIBRARIES, _code(getattr(thread, "_target", None)))


def _is_idle(thread: threading.Thread) -> bool:
    """Return True for an executor's thread that waits for work, or hands over the result of its last.

    Such a thread stays after ``asyncio.to_thread``. Whoever awaited it may go on before the thread does.
    """
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None or frame.f_code is executors._worker.__code__:
        return True
    while _is_in(_HANDS_OVER, frame.f_code):
        if frame.f_code is executors._WorkItem.run.__code__:
            item = frame.f_locals.get("self")
            return item is not None and item.future.done()
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False


def _code(function: Any) -> CodeType | None:
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code: CodeType | None = getattr(getattr(function, "__func__", function), "__code__", None)
    return code


def _is_in(folders: tuple[str, ...], code: CodeType | None) -> bool:
    return code is not None and code.co_filename.startswith(folders)


def _name(thing: object) -> str:
    return str(getattr(thing, "__qualname__", thing))
