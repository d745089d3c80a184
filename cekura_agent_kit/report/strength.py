"""Strength of a pool: how often it lets an agent through, and the runs that it needs for its decision. Pure."""

from __future__ import annotations

from math import comb
from typing import Final

from ..verdict.decision import missing_verdicts, required_passes

AGENTS: Final = (0.95, 0.9, 0.8, 0.7, 0.5)
"""Shares of runs that agents pass, for which a plan states what its pools can show."""


def let_through(passes: float, *, runs: int, pass_rate: float) -> float:
    """Return the share of suites, 0 to 1, in which a pool passes.

    Args:
        passes: share of its runs, 0 to 1, that the agent passes.
        runs: number of runs of the pool.
        pass_rate: share of passed runs, 0 to 1, that the pool needs.
    """
    needed = required_passes(runs, pass_rate)
    return sum(comb(runs, k) * passes**k * (1 - passes) ** (runs - k) for k in range(needed, runs + 1))


def runs_until_decided(passes: float, *, runs: int, pass_rate: float) -> float:
    """Return the mean number of runs after which a pool is decided. The arguments are as in `let_through`."""
    mean = 0.0
    # Shares of suites by the number of passed runs, as long as the pool is open.
    open_pools = {0: 1.0}
    for made in range(runs):
        mean += sum(open_pools.values())
        following: dict[int, float] = {}
        for passed, share in open_pools.items():
            for now, chance in ((passed + 1, passes), (passed, 1 - passes)):
                if missing_verdicts(now, made + 1 - now, runs=runs, pass_rate=pass_rate):
                    following[now] = following.get(now, 0.0) + share * chance
        open_pools = following
    return mean
