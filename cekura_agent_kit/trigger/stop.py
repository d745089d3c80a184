"""`Stop`: why a suite begins no further run, or ends at once, and how long its clean-up may take."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ..verdict import Kind, SkipReason
from .errored import Errored

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Grace:
    """Seconds that each step of a clean-up may take."""

    answers: float
    """For the answers of starts that were sent: without its answer a run cannot be ended."""
    end_runs: float
    """For ending the runs on Cekura."""
    delete_rooms: float
    """For deleting dispatches and rooms."""
    worker: float
    """For the worker's own end; a tracer may need 10 s to flush."""


USUAL: Final = Grace(answers=35.0, end_runs=15.0, delete_rooms=15.0, worker=20.0)
"""After the last run. A start waits at most 35 s for its answer."""
HASTY: Final = Grace(answers=1.5, end_runs=1.2, delete_rooms=1.2, worker=1.0)
"""After a signal or a timeout: in all less than the 6 s that a CI system waits after its first signal."""
WITHOUT_AGENT: Final = 3
"""Runs without an agent, with none before that had one, after which no further run begins."""


def grace_after(error: type[BaseException] | None) -> Grace:
    """Return the seconds of a clean-up after this error: few after a cancellation, as by a signal."""
    return HASTY if error is not None and issubclass(error, asyncio.CancelledError) else USUAL


class Stop:
    """Stop of a suite: requested once, read by everything that may have to end early.

    Attributes:
        closed: why no further run begins; None as long as runs begin.
        skip: set if the runs that do not begin are skipped, not errored.
        reason: why the suite ends now; None as long as it goes on. Then it is also the reason of `closed`.
    """

    def __init__(self) -> None:
        self.closed: Errored | None = None
        self.skip: SkipReason | None = None
        self.reason: Errored | None = None
        self._requested = asyncio.Event()

    @property
    def grace(self) -> Grace:
        """Seconds that each step of the clean-up may take."""
        return USUAL if self.reason is None else HASTY

    def close(self, reason: Errored, *, skip: SkipReason | None = None) -> None:
        """Begin no further run. The first reason stays."""
        if self.closed is None:
            self.closed, self.skip = reason, skip

    def request(self, reason: Errored) -> None:
        """End the suite now. The first reason stays."""
        if self.reason is None:
            self.reason = self.closed = reason
            self.skip = None
            self._requested.set()

    async def unless_requested(self, work: Coroutine[Any, Any, R]) -> R:
        """Finish the work unless the stop is requested first.

        Raises:
            Errored: the stop's reason; the work was cancelled.
        """
        try:
            return await unless(self._requested, work)
        except Preempted:
            assert self.reason is not None, "the event is set with the reason"
            raise self.reason from None


class Breaker:
    """Stops the starts of a suite whose further runs must fail as the earlier ones did."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._without_agent = 0
        self._had_agent = False

    def agent_ready(self) -> None:
        """Note that a run had its agent: later runs without one are single cases."""
        self._had_agent = True

    def failed(self, case: str, error: Errored) -> None:
        """Note why a run could not be judged; begin no further run if the next one would fail as well."""
        if error.is_final:
            self._stop.close(Errored(Kind.NOT_RUN, f"not run: Cekura refused {case}: {error}", hint=error.hint))
        if error.kind in (Kind.AGENT_MISSING, Kind.AGENT_REFUSED):
            self._without_agent += 1
            if self._without_agent >= WITHOUT_AGENT and not self._had_agent:
                reason = f"not run: the first {WITHOUT_AGENT} runs had no agent; the last one: {error}"
                self._stop.close(Errored(Kind.NOT_RUN, reason, hint=error.hint))


class Preempted(Exception):
    """Raised by `unless`: the event was set before the work was done."""


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, R]) -> R:
    """Finish the work unless the event is set first; then cancel it and wait for its end.

    Returns:
        What the work returned. If both happen at the same time, the work wins.

    Raises:
        Preempted: the event was set first.
    """
    task, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Preempted
        return await task
    finally:
        await cancelled(task, waiting)


async def cancelled(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel the tasks and wait for their end; what they raise is dropped."""
    there = [task for task in tasks if task is not None]
    for task in there:
        task.cancel()
    await asyncio.gather(*there, return_exceptions=True)
