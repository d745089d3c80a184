"""A watchdog for code of the agent that blocks the event loop: an endless loop, or a call that is not async.

A test's own timeouts run on the same loop, so without it such a test would hang for ever.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

from ..own_code import Place
from .frames import own_place

__tracebackhide__ = True

_PAUSE: Final = 0.5
"""Seconds between two checks of the loop."""
_DEBUGGERS: Final = ("/pdb.py", "/bdb.py", "/_pytest/debugging.py", "/pydevd.py")
_SIGNAL: Final = getattr(signal, "SIGUSR2", None)


class LoopBlocked(BaseException):
    """Raised in code that blocks the event loop. Not an Exception, since such code may well catch those."""


class Watchdog:
    """Interrupts code of the agent that has kept the loop for ``timeout`` seconds. Use it with ``with``.

    In the main thread it interrupts a call that sleeps or reads too, by a signal; elsewhere Python code alone.

    Args:
        timeout: seconds.
        is_watched: called in a thread with the running task, or None for a callback; False leaves it alone.
        on_blocked: called in a thread with the blocking line of the agent's and ``timeout``, before the interruption.
    """

    def __init__(
        self,
        timeout: float,
        is_watched: Callable[[asyncio.Task[Any] | None], bool],
        on_blocked: Callable[[Place, float], None],
    ) -> None:
        self._timeout = timeout
        self._is_watched = is_watched
        self._on_blocked = on_blocked
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cekura_watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._uses_signal = _SIGNAL is not None and self._watched == threading.main_thread().ident
        if self._uses_signal:
            _handler.acquire()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._woken.set()
        self._thread.join()
        if self._uses_signal:
            _handler.release()

    def _watch(self) -> None:
        while not self._stopped.wait(_PAUSE):
            self._woken.clear()
            if self._stopped.is_set():
                return
            try:
                self._loop.call_soon_threadsafe(self._woken.set)
            except RuntimeError:  # the loop is closed
                return
            if not self._woken.wait(self._timeout):
                self._interrupt()

    def _interrupt(self) -> None:
        frame = sys._current_frames().get(self._watched)
        place = own_place(frame)
        if place is None or _is_debugged(frame) or not self._is_watched(asyncio.current_task(self._loop)):
            return
        self._on_blocked(place, self._timeout)
        if self._uses_signal and _SIGNAL is not None:
            signal.pthread_kill(self._watched, _SIGNAL)
        else:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._watched), ctypes.py_object(LoopBlocked))


class _Handler:
    """The signal's handler, set while any watchdog watches the main thread."""

    def __init__(self) -> None:
        self._users = 0
        self._before: Any = None

    def acquire(self) -> None:
        self._users += 1
        if self._users == 1 and _SIGNAL is not None:
            self._before = signal.signal(_SIGNAL, self._raise)

    def release(self) -> None:
        self._users -= 1
        if self._users == 0 and _SIGNAL is not None:
            signal.signal(_SIGNAL, self._before)

    @staticmethod
    def _raise(number: int, frame: FrameType | None) -> None:
        raise LoopBlocked


_handler = _Handler()


def _is_debugged(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.endswith(_DEBUGGERS):
            return True
        frame = frame.f_back
    return False
