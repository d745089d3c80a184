"""Several reports of one suite, its shards, made one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ..errors import ReportError
from ..verdict import Kind, Line, PoolId, RunVerdict, SuiteVerdict, Timeline


def merged(verdicts: Sequence[SuiteVerdict]) -> SuiteVerdict:
    """One verdict of several reports.

    A run that stands in several reports, by its Cekura run or its room, counts once. A case that was run more than once
    counts with each of its runs, so one that passed and failed is flaky; a case that was not run in one report and was
    in another counts with the latter alone. Times are counted from the earliest start.

    Raises:
        ReportError: there is none, or they are reports of different suites.
    """
    if not verdicts:
        raise ReportError("there is no report to render", hint="give files that `cekura-kit run --json` wrote")
    if len(verdicts) == 1:
        return verdicts[0]
    names = list(dict.fromkeys(verdict.suite for verdict in verdicts))
    if len(names) > 1:
        raise ReportError(
            f"these are reports of different suites: {', '.join(map(repr, names))}",
            hint="merge the shards of one suite, and render the others on their own",
        )
    starts = [_moment(verdict) for verdict in verdicts]
    first = min(starts)
    runs: dict[object, RunVerdict] = {}
    for verdict, start in zip(verdicts, starts, strict=True):
        for run in verdict.runs:
            runs.setdefault(_identity(run), _shifted(run, (start - first).total_seconds()))
    tried = {run.case for run in runs.values() if run.kind is not Kind.NOT_RUN}
    rates: dict[PoolId, float] = {}
    for pool in (pool for verdict in verdicts for pool in verdict.pools):
        rates[pool.id] = max(pool.pass_rate, rates.get(pool.id, 0.0))
    broken = next((verdict for verdict in verdicts if verdict.kind is not None), None)
    return SuiteVerdict.of(
        [run for run in runs.values() if run.kind is not Kind.NOT_RUN or run.case not in tried],
        suite=names[0],
        suite_id="+".join(dict.fromkeys(verdict.suite_id for verdict in verdicts)),
        started_at=verdicts[starts.index(first)].started_at,
        duration_s=max(
            (start - first).total_seconds() + verdict.duration_s
            for verdict, start in zip(verdicts, starts, strict=True)
        ),
        results={result.id: result for verdict in verdicts for result in verdict.results}.values(),
        pass_rates=rates,
        kind=broken.kind if broken else None,
        hint=broken.hint if broken else next((verdict.hint for verdict in verdicts if verdict.hint), ""),
        rooms_left=dict.fromkeys(room for verdict in verdicts for room in verdict.rooms_left),
    )


def _identity(run: RunVerdict) -> object:
    """By what a run is the same in two reports; one that was never begun is its case."""
    if run.run_id is not None:
        return "run", run.case, run.run_id
    return ("room", run.case, run.room) if run.room else ("case", run.case, run.kind)


def _moment(verdict: SuiteVerdict) -> datetime:
    try:
        moment = datetime.fromisoformat(verdict.started_at)
    except ValueError:
        raise ReportError(
            f"started_at is {verdict.started_at!r}, not a time as ISO 8601 writes it",
            hint="give files that `cekura-kit run --json` wrote",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _shifted(run: RunVerdict, by: float) -> RunVerdict:
    if not by:
        return run

    def shift(at: float | None) -> float | None:
        return None if at is None else round(at + by, 3)

    stages = {stage: shift(at) for stage, at in run.timeline}
    lines: list[Line] = [line.model_copy(update={"at": shift(line.at)}) for line in run.transcript]
    return run.model_copy(update={"timeline": Timeline(**stages), "transcript": lines})
