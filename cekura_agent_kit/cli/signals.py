"""Signals that end a command: one way for all commands.

SIGINT, SIGTERM and SIGHUP, which a closed terminal sends, mean the same: stop, clean up, exit. The first one counts: it
stops the command's work, and the exit code is 128 and its number. Later ones change nothing: a clean-up that is cut
short leaves runs that cost money, and its time is limited anyway. A command with nothing to clean up exits at once.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Final, NoReturn, TypeVar

from ..errors import KitError
from .console import flush, say, say_error

T = TypeVar("T")

LIMIT: Final = 20.0
"""Seconds from the first signal to the exit, whatever does not end in time."""
_POLL: Final = 0.05
_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _State:
    """The first signal, and what it stops.

    Attributes:
        first: the first signal; None before.
        stop: stops the work, and may be called at any point of the program; None while there is nothing to clean up.
        interrupt_code: exit code after SIGINT; None for the usual one.
    """

    first: signal.Signals | None = None
    stop: Callable[[], object] | None = None
    interrupt_code: int | None = None


_state: Final = _State()


def install() -> None:
    """Handle the signals from now on. To be called in the main thread."""
    # Written to even while the main thread is inside native code that does not return.
    signal.set_wakeup_fd(_limited(), warn_on_full_buffer=False)
    for number in _ENDS:
        # `nohup` starts a command with SIGHUP ignored, because the command must survive its terminal.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


@cache
def _limited() -> int:
    """Start the thread of `_enforce_limit`, once in a process. Return the descriptor to which signals are written."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    threading.Thread(target=_enforce_limit, args=(reading,), name="cekura-kit-signals", daemon=True).start()
    return writing


def run(
    work: Coroutine[Any, Any, T],
    *,
    on_signal: Callable[[str], object] | None = None,
    interrupt_code: int | None = None,
) -> T:
    """Run a command's work in an event loop, and exit when it has ended after a signal.

    Args:
        work: cleans up when it is stopped, within `LIMIT` seconds.
        on_signal: called in the event loop with the name of the first signal. Default: the work is cancelled.
        interrupt_code: exit code after SIGINT, for work that is ended in no other way. Default: 128 and its number.

    Returns:
        What the work returned, if there was no signal.
    """
    # Here, since a command without an event loop, such as --help, takes longer for this import than for its own work.
    import asyncio

    runner = asyncio.Runner()
    _state.interrupt_code = interrupt_code
    try:
        result = runner.run(_stoppable(work, on_signal))
    except BaseException as error:
        if _state.first is None:
            runner.close()
            raise
        if isinstance(error, KitError):
            say_error(error)
        elif not isinstance(error, asyncio.CancelledError):
            raise
    # Without `close`, which waits for what threads are still at.
    leave_if_signalled()
    runner.close()
    return result


async def guarded(words: list[str], *, within: float = 15.0) -> int:
    """Run a program with all that it starts, and return its exit code, as a shell has it. `run` takes this as its work.

    Args:
        words: the program and its arguments. Its output is this command's.
        within: seconds from SIGTERM, which it gets when this is cancelled, until its process group is killed.
    """
    import asyncio

    from ..guarded import GuardedProcess

    process = GuardedProcess(words, log=None)
    try:
        # The process belongs to no event loop, so its end sets no event.
        while (code := process.poll()) is None:  # noqa: ASYNC110
            await asyncio.sleep(_POLL)
    except asyncio.CancelledError:
        process.terminate()
        await asyncio.to_thread(process.wait, within)
        raise
    finally:
        await asyncio.to_thread(process.kill)
    return code if code >= 0 else 128 - code


async def _stoppable(work: Coroutine[Any, Any, T], on_signal: Callable[[str], object] | None) -> T:
    import asyncio

    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None, "it runs in a task"

    def stop() -> None:
        assert _state.first is not None, "it is called after a signal"
        name = _state.first.name
        if on_signal is None:
            task.cancel()
        else:
            on_signal(name)
        say(f"cekura-kit: stopping ({name})", err=True)

    with _stopped_by(lambda: loop.call_soon_threadsafe(stop)):
        return await work


@contextmanager
def deferred() -> Iterator[None]:
    """Finish the block, such as the writing of files, before a signal ends the command."""
    with _stopped_by(lambda: None):
        yield
    leave_if_signalled()


def leave_if_signalled() -> None:
    """Exit with the first signal's code, if there was a signal."""
    if _state.first is not None:
        _leave(_state.first)


@contextmanager
def _stopped_by(stop: Callable[[], object]) -> Iterator[None]:
    _state.stop = stop
    try:
        yield
    finally:
        _state.stop = None


def _on_signal(number: int, _frame: object) -> None:
    if _state.first is not None:
        return
    _state.first = signal.Signals(number)
    if _state.stop is None:
        _leave(_state.first)
    _state.stop()


def _leave(number: int) -> NoReturn:
    """Exit at once. At an orderly exit, LiveKit's native client would still wait for connections that it tries to
    restore, for longer than a CI system allows."""
    # A signal may come in the middle of a write to the same stream, which refuses the flush then.
    with suppress(RuntimeError):
        flush()
    own = _state.interrupt_code if number == signal.SIGINT else None
    os._exit(128 + number if own is None else own)


def _enforce_limit(reading: int) -> None:
    """Exit `LIMIT` seconds after the first signal. What the command has started ends with it, by its guards."""
    while (number := os.read(reading, 1)[0]) not in _ENDS:
        pass
    time.sleep(LIMIT)
    say(f"cekura-kit: not everything was cleaned up within {LIMIT:g} s: `cekura-kit sweep` lists rooms", err=True)
    os._exit(128 + number)
