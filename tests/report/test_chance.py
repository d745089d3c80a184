"""Intervals and tests of pass rates, against known values and against many suites of an agent that has not changed."""

from __future__ import annotations

import random

import pytest

from cekura_agent_kit.report.chance import ALPHA, fisher, significant, smallest, wilson

SUITES = 2_000


@pytest.mark.parametrize(
    ("passed", "of", "low", "high"),
    [(5, 5, 0.5655, 1.0), (0, 5, 0.0, 0.4345), (4, 5, 0.3755, 0.9638), (81, 263, 0.2553, 0.3662), (1, 1, 0.2065, 1.0)],
)
def test_the_interval_is_wilsons(passed: int, of: int, low: float, high: float) -> None:
    """81 of 263 is the example of Newcombe (1998)."""
    assert list(wilson(passed, of)) == pytest.approx([low, high], abs=5e-5)


@pytest.mark.parametrize(
    ("before", "now", "p"),
    [
        ((5, 5), (1, 5), 0.02381),
        ((3, 3), (0, 3), 0.05),
        ((3, 4), (1, 4), 0.24286),
        ((5, 5), (5, 5), 1.0),
        ((0, 5), (5, 5), 1.0),
        ((24, 25), (2, 5), 0.0093),
    ],
)
def test_the_chance_is_fishers_one_sided(before: tuple[int, int], now: tuple[int, int], p: float) -> None:
    """3 of 4 and 1 of 4 is Fisher's own example, the lady tasting tea."""
    assert fisher(before, now) == pytest.approx(p, abs=5e-5)


def test_three_against_three_can_never_tell() -> None:
    assert smallest(3, 3) == pytest.approx(0.05)
    assert significant({"a": (fisher((3, 3), (0, 3)), smallest(3, 3))}) == (set(), set())
    assert significant({"a": (fisher((4, 4), (0, 4)), smallest(4, 4))}) == ({"a"}, {"a"})


def test_more_pools_need_stronger_evidence_and_those_that_cannot_tell_cost_nothing() -> None:
    weak = {f"weak {n}": (fisher((3, 3), (0, 3)), smallest(3, 3)) for n in range(50)}
    strong = {"strong": (fisher((5, 5), (1, 5)), smallest(5, 5))}
    assert significant(weak | strong) == ({"strong"}, {"strong"})
    same = {f"same {n}": (fisher((5, 5), (5, 5)), smallest(5, 5)) for n in range(3)}
    assert significant(strong | same)[0] == set()
    # Holm: what is left is compared with more of the 5 % once the strongest is found.
    two = {"first": (0.012, 0.001), "second": (0.02, 0.001), "third": (0.04, 0.001), "fourth": (0.2, 0.001)}
    assert significant(two)[0] == {"first"}


@pytest.mark.parametrize("rate", [0.5, 0.8, 0.95])
def test_an_agent_that_has_not_changed_is_seldom_called_worse(rate: float) -> None:
    """Eight pools of ten runs, against a baseline of twenty: a false alarm in at most 5 % of suites."""
    chance = random.Random(19)
    alarms = 0
    for _ in range(SUITES):
        counts = {pool: tuple(sum(chance.random() < rate for _ in range(of)) for of in (20, 10)) for pool in range(8)}
        tests = {pool: (fisher((before, 20), (now, 10)), smallest(20, 10)) for pool, (before, now) in counts.items()}
        alarms += bool(significant(tests)[0])
    assert alarms / SUITES <= ALPHA
