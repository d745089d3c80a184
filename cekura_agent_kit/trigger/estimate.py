"""Estimate of what a plan costs, in Cekura's credits, before anything is started. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..contract import Mode
from ..counting import counted, credits
from ..errors import SuiteError
from ..verdict.cost import PER_MESSAGE, PER_MINUTE
from .cekura.api_scenario import ApiScenario
from .plan.planned_run import PlannedRun

MESSAGES: Final = 10
"""Messages of the evaluator that a text run is assumed to have: Cekura documents no limit."""
_SECONDS_FROM: Final = 60
"""`max_duration` above which it is read as seconds; its unit is not documented, and no call lasts an hour."""


@dataclass(frozen=True)
class Estimate:
    """Estimate of a plan's cost.

    Attributes:
        credits: of all runs. With `stop_when_decided` fewer may be made.
        text_runs: number of text runs, each of which is assumed to have `MESSAGES`.
        voice_runs: number of voice runs.
        minutes: longest duration of all voice runs together, by their scenarios' limits or their timeouts.
    """

    credits: float
    text_runs: int
    voice_runs: int
    minutes: float

    def __str__(self) -> str:
        """Return ``about 10 credits (estimated: 2 text runs, 10 messages each assumed)``."""
        text = f"{counted(self.text_runs, 'text run')}, {MESSAGES} messages each assumed" if self.text_runs else ""
        minutes = f"{self.minutes:g} minutes at most in {counted(self.voice_runs, 'voice run')}"
        parts = "; ".join(filter(None, [text, minutes if self.voice_runs else ""]))
        return f"about {credits(self.credits)} (estimated: {parts})"


def estimate_of(plan: Sequence[PlannedRun], scenarios: Mapping[int, ApiScenario]) -> Estimate:
    """Estimate the cost of a plan.

    Args:
        plan: the runs.
        scenarios: what is known of their scenarios, by id.
    """
    text = sum(planned.mode is Mode.TEXT for planned in plan)
    seconds = sum(_longest(planned, scenarios.get(planned.scenario)) for planned in plan if planned.mode is Mode.VOICE)
    return Estimate(
        credits=round(text * MESSAGES * PER_MESSAGE + seconds / 60 * PER_MINUTE, 2),
        text_runs=text,
        voice_runs=len(plan) - text,
        minutes=round(seconds / 60, 2),
    )


def check_credits(estimate: Estimate, limit: float | None, place: Callable[..., str]) -> None:
    """Check the estimate of a plan.

    Args:
        estimate: of the plan.
        limit: the suite's `max_credits`.
        place: returns the beginning of an error about a key of the suite.

    Raises:
        SuiteError: the estimate is higher than the limit.
    """
    if limit is not None and estimate.credits > limit:
        raise SuiteError(
            f"{place('max_credits')}the plan costs {estimate}, and max_credits is {limit:g}",
            hint="raise max_credits, run fewer, or set a `max_duration` on Cekura or a shorter `timeout`",
        )


def low_balance(estimate: Estimate, balance: float | None) -> str:
    """Return a note if the balance may not be enough; empty if it is, or is not known."""
    if balance is None or balance >= estimate.credits:
        return ""
    return f"the balance is {credits(balance)}, and the plan costs {estimate}"


def _longest(planned: PlannedRun, scenario: ApiScenario | None) -> float:
    """Return the longest duration of a voice run in seconds: the trigger ends it at its timeout."""
    limit = scenario.max_duration if scenario else None
    if limit is None or limit <= 0:
        return planned.timeout
    return min(limit if limit > _SECONDS_FROM else limit * 60, planned.timeout)
