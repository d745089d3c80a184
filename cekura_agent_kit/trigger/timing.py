"""How often the trigger asks, of whom: intervals, patience, and one budget of requests for a whole suite."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from dataclasses import dataclass
from typing import Self

from .settings import Settings


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Intervals and limits, in seconds unless a name says otherwise.

    The defaults are for hosted services. Against a sandbox on this machine (`of`) the trigger asks more often: nobody
    else shares the servers, an answer takes a millisecond, and a demo is to be quick.
    """

    livekit_requests: float = 10.0
    """Requests a second to LiveKit for the whole suite; LiveKit Cloud allows about 1,000 a minute a project."""
    list_fast: float = 0.25
    """Between two quick looks into a room: for its agent, and for an evaluator that is to be announced."""
    list_slow: float = 2.0
    """Between two slow looks, while the talk goes on."""
    read_fastest: float = 2.0
    read_slowest: float = 10.0
    """Between two reads of all active runs; first-party code polls every 3 to 30 s."""
    group: float = 5.0
    """From a POST's first ready run until it leaves, ready or not."""
    no_job: float = 6.0
    """Without a job after it, no worker of this name took the dispatch; jobs were listed 0.2 to 5 s late."""
    proof: float = 3.0
    """For `cekura.proof` after `cekura.mode`: an agent that awaits a participant first has none until then."""
    attributes: float = 1.0
    """For the wrapper's attributes, seen 40 to 50 ms after ACTIVE; an agent that is not wrapped has none."""
    evaluator_gone: float = 3.0
    """An evaluator that was away for so long has hung up."""
    gone_after_outage: float = 20.0
    """The same after LiveKit did not answer: participants were seen to take up to 15 s to come back."""
    agent_gone: float = 15.0
    """From the agent's leave to the end of the run by us, if Cekura does not end it itself."""
    lost_start: float = 60.0
    """After a start whose answer was lost: for evaluators to come and runs to be listed."""
    after_end: float = 30.0
    """For a verdict of Cekura's on a run that was ended by us."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Quick where LiveKit, and Cekura, run on this machine."""
        values: dict[str, float] = {}
        if settings.local_livekit:
            values |= {"livekit_requests": 200.0, "list_fast": 0.1, "list_slow": 0.5}
        if settings.local_cekura:
            values |= {"read_fastest": 0.25, "read_slowest": 1.0, "group": 1.0, "lost_start": 10.0, "after_end": 5.0}
        return cls(**values)


class Budget:
    """A token bucket: so many requests a second, in bursts of up to a second's worth. The urgent go first.

    Args:
        rate: requests a second.
    """

    def __init__(self, rate: float) -> None:
        self._full = self._rate = rate
        self._tokens = max(rate, 1.0)
        self._at: float | None = None
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._closed_until = 0.0

    async def acquire(self, *, urgent: bool = False) -> None:
        """Wait for leave to send one request."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (not urgent, next(self._order), turn))
        self._serve()
        await turn

    def slow_down(self, retry_after: float | None = None) -> None:
        """The server answered 429: half as many from now on, and none for a while."""
        self._rate = max(self._rate / 2, self._full / 16, 0.5)
        self._tokens = 0.0
        self._closed_until = asyncio.get_running_loop().time() + (retry_after or 1.0)

    def speed_up(self) -> None:
        """The server answered: back towards the full rate, in about 20 answers."""
        self._rate = min(self._full, self._rate + self._full / 20)

    def open_up(self, rate: float = 40.0) -> None:
        """For the last requests after a signal: a CI system gives seconds, and rooms left behind cost more than a
        minute's limit."""
        self._full = self._rate = max(self._full, rate)
        self._tokens = self._full
        self._closed_until = 0.0
        self._serve()

    def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._at is not None:
            self._tokens = min(max(self._rate, 1.0), self._tokens + (now - self._at) * self._rate)
        self._at = now
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
