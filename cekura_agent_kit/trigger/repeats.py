"""Repeats of a suite with `stop_when_decided`: each begins only if its pool needs it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping

from ..verdict import Outcome, PoolId
from ..verdict.decision import missing_verdicts
from .plan.planned_run import PlannedRun


class Repeats:
    """Permission for runs to begin.

    A run begins only if its pool needs it whatever the outcomes of the runs in flight are. So nothing is paid for in
    vain, and the runs of a pool go one after another when one verdict can decide it. Meanwhile other pools use the
    rooms.

    Args:
        plan: the runs of the suite.
        pass_rates: share of passed runs, 0 to 1, that each pool needs.
    """

    def __init__(self, plan: Iterable[PlannedRun], pass_rates: Mapping[PoolId, float]) -> None:
        planned = Counter(run.pool for run in plan)
        self._pools = {pool: _Pool(runs, pass_rates.get(pool, 1.0)) for pool, runs in planned.items()}

    async def may_begin(self, planned: PlannedRun) -> bool:
        """Wait until the run is needed; return False if its pool is decided. A run that may begin must `end`."""
        return await self._pools[planned.pool].may_begin()

    def end(self, planned: PlannedRun, outcome: Outcome) -> None:
        """Count a run that began."""
        self._pools[planned.pool].end(outcome)


class _Pool:
    def __init__(self, runs: int, pass_rate: float) -> None:
        self._runs, self._pass_rate = runs, pass_rate
        self._in_flight = 0
        self._counts: Counter[Outcome] = Counter()
        self._waiting: deque[asyncio.Future[bool]] = deque()

    async def may_begin(self) -> bool:
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._release()
        return await waiter

    def end(self, outcome: Outcome) -> None:
        self._in_flight -= 1
        self._counts[outcome] += 1
        self._release()

    def _release(self) -> None:
        """Let runs begin, the first that waits first, up to the verdicts that are missing; all, once none is."""
        missing = missing_verdicts(
            self._counts[Outcome.PASSED], self._counts[Outcome.FAILED], runs=self._runs, pass_rate=self._pass_rate
        )
        while self._waiting and (not missing or self._in_flight < missing):
            waiter = self._waiting.popleft()
            if waiter.done():
                # Its task was cancelled.
                continue
            self._in_flight += bool(missing)
            waiter.set_result(bool(missing))
