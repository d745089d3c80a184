"""Chance: the interval of a pass rate, and the probability that a fall of it is no change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb, sqrt
from typing import Final, TypeVar

K = TypeVar("K")

ALPHA: Final = 0.05
"""Accepted chance of one false alarm or more over a whole suite."""
_Z: Final = 1.959964
"""Standard deviations of a 95 % interval."""


def wilson(passed: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate (Wilson, 1927). Unlike the usual one it holds for few runs, too.

    Args:
        passed: number of runs that passed.
        of: number of runs, at least 1.
    """
    rate, square = passed / of, _Z**2
    middle = (rate + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * sqrt(rate * (1 - rate) / of + square / (4 * of**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def fisher(before: tuple[int, int], now: tuple[int, int]) -> float:
    """Return the chance of so few passes now, or fewer, if the rate is what it was (Fisher's exact test, one-sided).

    Args:
        before: passed, and judged, runs.
        now: the same of the runs that are compared.
    """
    (passed_before, of_before), (passed_now, of_now) = before, now
    passed = passed_before + passed_now
    fewest = max(0, passed - of_before)
    ways = sum(comb(of_now, k) * comb(of_before, passed - k) for k in range(fewest, passed_now + 1))
    return ways / comb(of_before + of_now, passed)


def smallest(before: int, now: int) -> float:
    """Return the smallest chance that so many runs can reach: all passed before, and none now."""
    return 1 / comb(before + now, now)


def significant(chances: Mapping[K, tuple[float, float]], alpha: float = ALPHA) -> tuple[set[K], set[K]]:
    """Return which falls are significant, and which were tested, with one chance `alpha` for all (Holm, after Tarone).

    What cannot reach significance with its number of runs is not tested, and costs the others nothing.

    Args:
        chances: of each pool its chance by `fisher`, and the smallest that it can reach.
        alpha: chance of one false alarm or more.
    """
    tests = 1
    while sum(least < alpha / tests for _, least in chances.values()) > tests:
        tests += 1
    tested = {key for key, (_, least) in chances.items() if least < alpha / tests}
    found: set[K] = set()
    for rank, key in enumerate(sorted(tested, key=lambda each: chances[each][0])):
        if chances[key][0] >= alpha / (tests - rank):
            break
        found.add(key)
    return found, tested
