"""Rate limit for the requests of a whole suite to LiveKit."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_REGULAR: Final = 0.5
"""Share of the rate for requests that many send again and again: the rest is for all others."""


class Budget:
    """Token bucket: so many requests a second, in bursts of up to a second's worth. Urgent requests go first.

    Args:
        rate: requests a second.
    """

    def __init__(self, rate: float) -> None:
        self._full = self._rate = rate
        self._tokens = max(rate, 1.0)
        self._refilled_at: float | None = None
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._closed_until = 0.0
        self._regulars = 0

    @contextmanager
    def regular(self) -> Iterator[None]:
        """Count one more who sends a request every `regular_interval`."""
        self._regulars += 1
        try:
            yield
        finally:
            self._regulars -= 1

    @property
    def regular_interval(self) -> float:
        """Seconds between two requests of each who sends them regularly, at which all take their share of the rate."""
        return self._regulars / (self._rate * _REGULAR)

    async def acquire(self, *, urgent: bool = False) -> None:
        """Wait until one request may be sent."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (not urgent, next(self._order), turn))
        self._serve()
        await turn

    def slow_down(self, retry_after: float | None = None) -> None:
        """Halve the rate after an answer of 429, and send nothing for ``retry_after`` seconds, 1 by default."""
        self._rate = max(self._rate / 2, self._full / 16, 0.5)
        self._tokens = 0.0
        self._closed_until = asyncio.get_running_loop().time() + (retry_after or 1.0)

    def speed_up(self) -> None:
        """Return towards the full rate after an answer; about 20 answers restore it."""
        self._rate = min(self._full, self._rate + self._full / 20)

    def open_up(self, rate: float = 40.0) -> None:
        """Raise the rate to at least ``rate`` for the last requests after a signal.

        A CI system gives seconds, and rooms left behind cost more than a minute's limit.
        """
        self._full = self._rate = max(self._full, rate)
        self._tokens = self._full
        self._closed_until = 0.0
        self._serve()

    def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._refilled_at is not None:
            self._tokens = min(max(self._rate, 1.0), self._tokens + (now - self._refilled_at) * self._rate)
        self._refilled_at = now
        while self._waiting and self._tokens >= 1 and now >= self._closed_until:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._tokens -= 1
                turn.set_result(None)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            wait = max((1 - self._tokens) / self._rate, self._closed_until - now, 0.001)
            self._timer = loop.call_later(wait, self._serve)
