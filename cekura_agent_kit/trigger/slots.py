"""Places of a suite's runs: how many may have a room at a time, and which begins next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from .limiter import Limiter
from .machine import usable_cores
from .plan.suite import Suite
from .plan.suite_values import AUTO
from .progress import Event, Stage

_OF_CEKURA: Final = 10
"""Parallel runs of Cekura's pay-as-you-go plan. It queues more, each with a room and an agent that wait."""
_A_CORE: Final = 8
"""Most runs for each core in the sandbox, where an agent's process, its evaluator and the server share the machine."""


def limit_of(suite: Suite, *, local: bool, shards: int) -> int | Limiter:
    """Return the suite's number of runs at a time, or what decides on it.

    Args:
        suite: the suite.
        local: Cekura is the sandbox's.
        shards: parts of the suite that run at the same time, and share Cekura's limit.
    """
    if suite.concurrency != AUTO:
        return int(suite.concurrency)
    cores = usable_cores()
    return Limiter(cores=cores, most=most_runs(cores, local=local, shards=shards), agent_timeout=suite.agent_timeout)


def most_runs(cores: int, *, local: bool, shards: int) -> int:
    """Return the highest number of runs at a time under `auto`."""
    return _A_CORE * cores if local else max(1, _OF_CEKURA // shards)


class Slots:
    """One place for each run that may have a room at a time.

    With a `Limiter` the number follows the agents' arrivals: the time from a room's creation to its agent's readiness.
    While an agent is late, no run begins.

    Args:
        limit: a number, or what decides on it.
        clock: seconds from the suite's start.
    """

    def __init__(self, limit: int | Limiter, clock: Callable[[], float]) -> None:
        self._limit, self._clock = limit, clock
        self._held: set[str] = set()
        self._awaited: dict[str, float] = {}
        """Creation of each room whose agent is not ready yet, by case."""
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()

    @property
    def limit(self) -> int:
        """Number of runs that may have a room now."""
        return self._limit.limit if isinstance(self._limit, Limiter) else self._limit

    @property
    def described(self) -> str:
        """Range of `concurrency: auto` so far, ``concurrency auto: 2 to 7``; empty for a number."""
        if not isinstance(self._limit, Limiter):
            return ""
        low, high = self._limit.lowest, self._limit.highest
        return f"concurrency auto: {low} to {high}" if low < high else f"concurrency auto: {high}"

    @asynccontextmanager
    async def held(self, case: str) -> AsyncIterator[None]:
        """Wait for a place, first come, first served, and hold it within the context. A case holds one place once."""
        if case in self._held:
            yield
            return
        await self._take(case)
        try:
            yield
        finally:
            self._held.discard(case)
            if self._awaited.pop(case, None) is not None and isinstance(self._limit, Limiter):
                self._limit.missed()
            self._release()

    async def _take(self, case: str) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((case, place))
        self._release()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._held.discard(case)
                self._release()
            raise

    def on_event(self, event: Event) -> None:
        """Learn from a run's stages how late its agent came."""
        if not isinstance(event, Stage) or not isinstance(self._limit, Limiter) or event.case not in self._held:
            return
        if event.stage == "room":
            self._awaited[event.case] = event.at
        elif event.stage == "agent_ready" and (made := self._awaited.pop(event.case, None)) is not None:
            self._limit.arrived(event.at - made)
            self._release()

    def _release(self) -> None:
        """Let runs begin, as many as there are places for."""
        while self._waiting and self._may_begin():
            case, place = self._waiting.popleft()
            if not place.done():
                self._held.add(case)
                place.set_result(None)

    def _may_begin(self) -> bool:
        if len(self._held) >= self.limit:
            return False
        now = self._clock()
        late = isinstance(self._limit, Limiter) and any(
            self._limit.is_late(now - made) for made in self._awaited.values()
        )
        return not late
