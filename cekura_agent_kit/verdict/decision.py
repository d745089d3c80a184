"""Decision on a pool: the passes that it needs, and the verdicts that are still missing. Pure."""

from __future__ import annotations

from math import ceil


def required_passes(runs: int, pass_rate: float) -> int:
    """Return how many of the runs must pass for a pool with this rate, 0 to 1."""
    # The margin keeps 0.8 of 5 at 4 in spite of binary fractions.
    return ceil(pass_rate * runs - 1e-9)


def missing_verdicts(passed: int, failed: int, *, runs: int, pass_rate: float) -> int:
    """Return the fewest further verdicts after which a pool's outcome can be decided; 0 if it is.

    A pool is decided when enough of its runs have passed, or so many have failed that the others cannot make up for
    it. An errored run decides nothing: a later try can replace it.

    Args:
        passed: number of runs that passed.
        failed: number of runs that failed.
        runs: number of runs that are planned.
        pass_rate: share of passed runs, 0 to 1, that the pool needs.
    """
    passes = required_passes(runs, pass_rate)
    until_decided = min(passes - passed, runs - passes + 1 - failed)
    # A pool in which nothing was judged has no outcome, even with a rate of 0.
    return max(until_decided, 0 if passed + failed else 1)
