"""Verdicts of runs that never began, and of a suite in which none did."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from ..verdict import Kind, RunVerdict, Shard, SkipReason, SuiteVerdict
from .case.judging import Observed, verdict_of
from .errored import Errored
from .plan.planned_run import PlannedRun
from .plan.suite import Suite


def run_not_begun(planned: PlannedRun, failure: Errored | None) -> RunVerdict:
    """Return the verdict of a run that never began: the suite's failure is its reason."""
    seen = Observed(planned)
    seen.errored = failure or Errored(Kind.INTERNAL, "it has no verdict")
    if failure is not None and failure.kind in (Kind.CANCELLED, Kind.TIMEOUT):
        seen.errored = Errored(Kind.NOT_RUN, f"not run: {failure}", hint=failure.hint)
    return verdict_of(seen)


def run_left_out(planned: PlannedRun, note: str) -> RunVerdict:
    """Return the verdict of a run that is not started, since its scenario failed in memory; the note says how."""
    return verdict_of(Observed(planned, skipped=SkipReason.TRIED, notes=[note]))


def suite_not_begun(
    suite: Suite,
    plan: Sequence[PlannedRun],
    reason: str,
    *,
    began: float,
    duration: float,
    suite_id: str = "",
    shard: Shard | None = None,
    notes: Sequence[str] = (),
    narrowed: str = "",
    retries: str = "",
    tries: Sequence[RunVerdict] = (),
) -> SuiteVerdict:
    """Return the verdict of a suite that was stopped while what it needs was still being started.

    Args:
        suite: the suite.
        plan: its runs.
        reason: what stopped it.
        began: Unix seconds of the command's start.
        duration: seconds since then.
        suite_id: of the report. Default: random.
        shard: the part of the suite that the plan is, if it was split.
        notes: on the plan.
        narrowed: options that left the plan a part of the suite's.
        retries: id of the report whose cases the plan runs again.
        tries: conversations held in memory before.
    """
    failure = Errored(Kind.CANCELLED, reason, hint="run it again")
    return SuiteVerdict.of(
        [run_not_begun(planned, failure) for planned in plan],
        suite=suite.name,
        suite_id=suite_id or secrets.token_hex(4),
        started_at=datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds"),
        duration_s=duration,
        pass_rates=suite.pass_rates(),
        kind=failure.kind,
        hint=failure.hint,
        shard=shard,
        worker=suite.worker or "",
        notes=notes,
        selected=suite.selected(),
        narrowed=narrowed,
        retries=retries,
        tries=tries,
    )
