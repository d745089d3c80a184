"""Merge of several reports of one suite: its shards, or repetitions of some of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ..errors import ReportError
from ..verdict import Kind, Line, Outcome, PoolId, RunVerdict, Selected, SuiteVerdict, Timeline
from .attempts import Attempt, counting, earlier_than, ids_of, is_settled

_WRITTEN_BY = "give files that `cekura-kit run --json` wrote"


def merged(verdicts: Sequence[SuiteVerdict]) -> SuiteVerdict:
    """Return one verdict for several reports of one suite.

    A run that is in several reports, by its id on Cekura or its room, counts once. A case that ran more than once
    counts with each of its runs, so one that passed and failed is flaky. A case that did not run in one report and
    ran in another counts with the latter only. A report that has run cases of another one again (`--only-failed`) is a
    later attempt: the last attempt that was judged counts, and the others are kept in `superseded`. Times are counted
    from the earliest start. If the reports are shards and one is missing, the verdict is errored as `shard_missing`.

    Raises:
        ReportError: no report, reports of different suites, or shards of different splits.
    """
    if not verdicts:
        raise ReportError("there is no report to render", hint=_WRITTEN_BY)
    missing = _missing_shards(verdicts)
    if len(verdicts) == 1 and not missing:
        return verdicts[0]
    suite = _only_suite(verdicts)
    starts = [_start(verdict) for verdict in verdicts]
    first = min(starts)
    rates: dict[PoolId, float] = {}
    for pool in (pool for verdict in verdicts for pool in verdict.pools):
        rates[pool.id] = max(pool.pass_rate, rates.get(pool.id, 0.0))
    kind, hint = _kind_and_hint([each for each in verdicts if not is_settled(each, verdicts)], missing)
    runs, superseded = counting(_merged_runs(verdicts, [(start - first).total_seconds() for start in starts]), verdicts)
    old = {run.run_id or run.room: run for verdict in verdicts for run in verdict.superseded}
    return SuiteVerdict.of(
        runs,
        suite=suite,
        suite_id="+".join(dict.fromkeys(verdict.suite_id for verdict in verdicts)),
        started_at=verdicts[starts.index(first)].started_at,
        duration_s=_duration(verdicts, [(start - first).total_seconds() for start in starts]),
        results={result.id: result for verdict in verdicts for result in verdict.results}.values(),
        pass_rates=rates,
        kind=kind,
        hint=hint,
        rooms_left=dict.fromkeys(room for verdict in verdicts for room in verdict.rooms_left),
        notes=dict.fromkeys(note for verdict in verdicts for note in verdict.notes),
        worker=next((verdict.worker for verdict in verdicts if verdict.worker), ""),
        seed=verdicts[0].seed if len({verdict.seed for verdict in verdicts}) == 1 else None,
        billed=all(verdict.cost.billed for verdict in verdicts if verdict.cost),
        balance=_balance(verdicts, starts),
        selected=_selected(verdicts),
        narrowed="" if not all(each.narrowed for each in verdicts) else verdicts[0].narrowed,
        retries=_retries(verdicts),
        superseded=[*old.values(), *superseded],
        tries=_tries(verdicts, [(start - first).total_seconds() for start in starts]),
    )


def _balance(verdicts: Sequence[SuiteVerdict], starts: Sequence[datetime]) -> tuple[float | None, float | None]:
    """Return the balance before the first report's starts and after the last report's end."""

    def ended(index: int) -> float:
        return starts[index].timestamp() + verdicts[index].duration_s

    order = range(len(verdicts))
    first, last = verdicts[min(order, key=starts.__getitem__)].cost, verdicts[max(order, key=ended)].cost
    return first.balance_before if first else None, last.balance_after if last else None


def _duration(verdicts: Sequence[SuiteVerdict], offsets: Sequence[float]) -> float:
    """Return the seconds from the first start to the last verdict. The time until a later attempt is not counted."""
    ends = [
        offset + each.duration_s
        for each, offset in zip(verdicts, offsets, strict=True)
        if not earlier_than(each, verdicts)
    ]
    return max(ends) + sum(each.duration_s for each in verdicts if earlier_than(each, verdicts))


def _retries(verdicts: Sequence[SuiteVerdict]) -> str:
    """Return the ids of reports of which cases were run again, and which are not among the reports."""
    present = {each for verdict in verdicts for each in ids_of(verdict)}
    others = [each.retries for each in verdicts if set(each.retries.split("+")) - present - {""}]
    return "+".join(dict.fromkeys(others))


def _selected(verdicts: Sequence[SuiteVerdict]) -> list[Selected]:
    """Return what each `select` found, over all reports."""
    found: dict[tuple[str, str], set[int]] = {}
    for each in (each for verdict in verdicts for each in verdict.selected):
        found.setdefault((each.entry, each.select), set()).update(each.scenarios)
    return [
        Selected(entry=entry, select=select, scenarios=sorted(scenarios))
        for (entry, select), scenarios in found.items()
    ]


def _only_suite(verdicts: Sequence[SuiteVerdict]) -> str:
    names = list(dict.fromkeys(verdict.suite for verdict in verdicts))
    if len(names) > 1:
        raise ReportError(
            f"these are reports of different suites: {', '.join(map(repr, names))}",
            hint="merge the shards of one suite, and render the others on their own",
        )
    return names[0]


def _missing_shards(verdicts: Sequence[SuiteVerdict]) -> list[str]:
    """Return the shards without a report, such as ``2/4``. A report of the whole suite covers all of them."""
    # A later attempt at some cases covers no shard.
    whole = [verdict for verdict in verdicts if not verdict.retries] or verdicts
    shards = [verdict.shard for verdict in whole if verdict.shard is not None]
    if len(shards) < len(whole):
        return []
    counts = sorted({shard.of for shard in shards})
    if len(counts) > 1:
        raise ReportError(
            f"these are shards of different splits: into {' and '.join(map(str, counts))} parts",
            hint="merge the reports of one split: all of them were started with the same N of `--shard I/N`",
        )
    present = {shard.index for shard in shards}
    return [f"{index}/{counts[0]}" for index in range(1, counts[0] + 1) if index not in present]


def _kind_and_hint(verdicts: Sequence[SuiteVerdict], missing: list[str]) -> tuple[Kind | None, str]:
    broken = next((verdict for verdict in verdicts if verdict.kind is not None), None)
    hint = broken.hint if broken else next((verdict.hint for verdict in verdicts if verdict.hint), "")
    if missing:
        give = f"give the reports of all shards; missing: {', '.join(missing)}"
        return Kind.SHARD_MISSING, f"{give}; and {hint}" if hint else give
    return broken.kind if broken else None, hint


def _merged_runs(verdicts: Sequence[SuiteVerdict], offsets: Sequence[float]) -> list[Attempt]:
    """Return each run once, with its report, and with its times moved by its report's offset in seconds."""
    runs: dict[object, Attempt] = {}
    for verdict, offset in zip(verdicts, offsets, strict=True):
        for run in verdict.runs:
            runs.setdefault(_identity(run), (_moved(run, offset), verdict))
    ran = {run.case for run, _ in runs.values() if _ran(run)}
    return [(run, verdict) for run, verdict in runs.values() if _ran(run) or run.case not in ran]


def _tries(verdicts: Sequence[SuiteVerdict], offsets: Sequence[float]) -> list[RunVerdict]:
    """Return the tries of all reports, each once, with their times moved."""
    found = (_moved(run, offset) for verdict, offset in zip(verdicts, offsets, strict=True) for run in verdict.tries)
    return list({run.model_dump_json(): run for run in found}.values())


def _ran(run: RunVerdict) -> bool:
    return run.kind is not Kind.NOT_RUN and run.outcome is not Outcome.SKIPPED


def _identity(run: RunVerdict) -> object:
    """Return what identifies a run in two reports; a run that was never started is identified by its case."""
    if run.run_id is not None:
        return "run", run.case, run.run_id
    return ("room", run.case, run.room) if run.room else ("case", run.case, run.outcome, run.kind)


def _start(verdict: SuiteVerdict) -> datetime:
    try:
        moment = datetime.fromisoformat(verdict.started_at)
    except ValueError:
        raise ReportError(f"started_at is {verdict.started_at!r}, not a time in ISO 8601", hint=_WRITTEN_BY) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moved(run: RunVerdict, offset: float) -> RunVerdict:
    if not offset:
        return run

    def moved(at: float | None) -> float | None:
        return None if at is None else round(at + offset, 3)

    stages = {stage: moved(at) for stage, at in run.timeline}
    lines: list[Line] = [line.model_copy(update={"at": moved(line.at)}) for line in run.transcript]
    return run.model_copy(update={"timeline": Timeline(**stages), "transcript": lines})
