"""Shards of a plan: parts that separate commands run, at once or on several machines. Pure."""

from __future__ import annotations

from collections import Counter

from ...verdict import PoolId
from .planned_run import PlannedRun


def shard_of(plan: list[PlannedRun], index: int, count: int) -> list[PlannedRun]:
    """Return the runs of shard ``index`` of ``count``, counted from 1.

    The runs of a pool stay together, since its pass rate is judged over all of them. Each pool goes to the shard with
    the fewest runs so far. The shards of one plan are disjoint, and together they are the whole plan.
    """
    sizes = Counter(run.pool for run in plan)
    loads = [0] * count
    shard: dict[PoolId, int] = {}
    # The largest first, so that the loads become even. The sort is stable, so that every shard computes the same.
    for pool, size in sorted(sizes.items(), key=lambda item: -item[1]):
        lightest = loads.index(min(loads))
        shard[pool] = lightest + 1
        loads[lightest] += size
    return [run for run in plan if shard[run.pool] == index]
