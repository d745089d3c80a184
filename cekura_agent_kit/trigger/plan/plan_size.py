"""Limits on the number of runs of a plan: each run is billed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...errors import SuiteError

_MOST_RUNS: Final = 10_000
"""Runs of one suite: more are a typing error, and each is billed."""


def check_most(runs: int, place: Callable[..., str]) -> None:
    """Check the number of runs of the whole plan, before it is made.

    Args:
        runs: the number.
        place: returns the beginning of an error about a key of the suite.

    Raises:
        SuiteError: there are more than any suite may have.
    """
    if runs > _MOST_RUNS:
        raise SuiteError(
            f"{place('runs')}the plan has {runs} runs, and {_MOST_RUNS} is the most",
            hint="lower `repeat`, or make several suites of it: each run is billed",
        )


def check_limit(runs: int, limit: int | None, place: Callable[..., str]) -> None:
    """Check the number of runs that would be made, once scenarios are chosen and the plan is narrowed.

    Args:
        runs: the number.
        limit: the suite's `max_runs`.
        place: as for `check_most`.

    Raises:
        SuiteError: there are more than the suite allows.
    """
    if limit is not None and runs > limit:
        raise SuiteError(
            f"{place('max_runs')}the plan has {runs} runs, and max_runs is {limit}",
            hint="raise max_runs, or run fewer: each run is billed",
        )
