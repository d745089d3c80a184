"""Cost of a suite's runs, in Cekura's credits: estimated from what was said, and the balance where it is known."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean
from typing import Final

from ..contract import Mode
from .outcomes import Outcome, SkipReason
from .pools import PoolId
from .report_model import ReportModel
from .run_verdict import RunVerdict

PER_MESSAGE: Final = 0.5
"""Credits for a message that Cekura's evaluator sends in a text run. Source: Cekura's documentation."""
PER_MINUTE: Final = 5.0
"""Credits for a minute of a voice run. Source: Cekura's documentation; how parts of a minute count is not said."""


class Cost(ReportModel):
    """Cost of a suite, in credits. All but the balance is an estimate."""

    runs: int
    """Number of runs that were started on Cekura."""
    messages: int
    """Messages of the evaluator in text runs, 0.5 credit each."""
    minutes: float
    """Minutes of conversation in voice runs, 5 credits each."""
    credits: float
    """Estimate of what the runs cost, or would cost if they were billed."""
    unknown: int = 0
    """Number of runs that were started and whose conversation is not known; the estimate leaves them out."""
    saved: float = 0.0
    """Estimate of what the runs would have cost that `stop_when_decided` skipped, by the other runs of their pools."""
    billed: bool = True
    """False for runs on a stand-in of this machine."""
    balance_before: float | None = None
    """Credits that were left before the first start; null if the key may not read it."""
    balance_after: float | None = None
    """Credits that were left after the last run. Other jobs of the organization change it, too."""


def cost_of(
    runs: Iterable[RunVerdict], *, billed: bool = True, before: float | None = None, after: float | None = None
) -> Cost:
    """Estimate the cost of runs.

    Args:
        runs: all runs of a suite.
        billed: False for runs on a stand-in.
        before: balance before the first start.
        after: balance after the last run.
    """
    runs = list(runs)
    started = [run for run in runs if run.run_id is not None]
    credits = [credits_of(run) for run in started]
    return Cost(
        runs=len(started),
        messages=sum(_messages(run) or 0 for run in started if run.mode is Mode.TEXT),
        minutes=round(sum(_minutes(run) or 0.0 for run in started if run.mode is Mode.VOICE), 2),
        credits=round(sum(each or 0.0 for each in credits), 2),
        unknown=sum(each is None for each in credits),
        saved=round(_saved(runs), 2),
        billed=billed,
        balance_before=before,
        balance_after=after,
    )


def credits_of(run: RunVerdict) -> float | None:
    """Return the estimated cost of a run that was started; None if its conversation is not known."""
    if run.mode is Mode.TEXT:
        messages = _messages(run)
        return None if messages is None else messages * PER_MESSAGE
    minutes = _minutes(run)
    return None if minutes is None else minutes * PER_MINUTE


def _messages(run: RunVerdict) -> int | None:
    if not run.transcript:
        return None if run.timeline.evaluator_joined is not None else 0
    return sum(line.role == "evaluator" for line in run.transcript)


def _minutes(run: RunVerdict) -> float | None:
    began, ended = run.timeline.evaluator_joined, run.timeline.ended
    if began is None:
        return 0.0
    if ended is None:
        ended = max((line.at for line in run.transcript if line.at is not None), default=None)
    return None if ended is None else max(ended - began, 0.0) / 60


def _saved(runs: list[RunVerdict]) -> float:
    known: dict[PoolId, list[float]] = {}
    skipped: list[PoolId] = []
    for run in runs:
        if run.outcome is Outcome.SKIPPED and run.reason == SkipReason.DECIDED:
            skipped.append(PoolId.of(run))
        elif run.run_id is not None and (cost := credits_of(run)) is not None:
            known.setdefault(PoolId.of(run), []).append(cost)
    return sum(mean(known[pool]) for pool in skipped if pool in known)
