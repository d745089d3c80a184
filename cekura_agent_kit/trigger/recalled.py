"""Report of a suite whose command was lost, from what Cekura has of its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from ..contract import Mode
from ..errors import CekuraError
from ..verdict import Kind, Result, RunVerdict, SuiteVerdict
from .case.judging import Observed, verdict_of
from .cekura.api_models import ApiResult, ApiRun
from .cekura.client import BULK, Cekura
from .errored import Errored
from .plan.planned_run import PlannedRun
from .settings.redaction import Redaction, redacted
from .settings.settings import Settings

_PARTIAL: Final = (
    "made from Cekura's results: rooms, reply times, events, checks and names of entries are known to `cekura-kit run` "
    "alone, and every pool is required to pass as a whole"
)
_MISSING_HINT: Final = "copy the id from the result's page, and check that the key belongs to its organization"


async def recall(results: Sequence[int], settings: Settings, *, name: str = "") -> SuiteVerdict:
    """Make the report of results.

    Args:
        results: ids of the results on Cekura, at least one.
        settings: key and address of Cekura; LiveKit is not asked.
        name: of the suite. Default: that of the first result.

    Returns:
        The verdict. A case is numbered by the run's id among those of its scenario. A run that goes on is errored.

    Raises:
        CekuraError: a result is not known, has no run, or cannot be read.
    """
    settings.check()
    async with Cekura(settings) as cekura:
        found = [await _read(cekura, result) for result in dict.fromkeys(results)]
    verdict = _verdict(found, settings, name)
    return redacted(verdict, Redaction(settings.secrets))


async def _read(cekura: Cekura, result_id: int) -> ApiResult:
    """Read a result, and its runs in full: those in a result lack the transcript."""
    result = await cekura.result(result_id)
    if result is None:
        raise CekuraError(f"Cekura knows no result {result_id}", hint=_MISSING_HINT)
    if not result.runs:
        raise CekuraError(f"result {result_id} has no run on Cekura", hint="the start may have been refused")
    ids = sorted({run.id for run in result.runs})
    runs = {run.id: run for run in result.runs}
    for begin in range(0, len(ids), BULK):
        runs |= {run.id: run for run in await cekura.runs(ids[begin : begin + BULK]) if run.id in runs}
    return result.with_runs(runs[run_id] for run_id in ids)


def _verdict(results: Sequence[ApiResult], settings: Settings, name: str) -> SuiteVerdict:
    starts = [at for result in results for at in _times(result)]
    began = min(starts, default=0.0)
    runs = list(_runs(results, settings, began))
    ended = max((run.timeline.ended or run.timeline.evaluator_joined or 0.0 for run in runs), default=0.0)
    return SuiteVerdict.of(
        runs,
        suite=name or results[0].name or f"result {results[0].id}",
        suite_id="+".join(f"result-{result.id}" for result in results),
        started_at=datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds"),
        duration_s=ended,
        results=[
            Result(id=result.id, mode=_mode(result, result.runs[0]), url=settings.result_url(result.id))
            for result in results
        ],
        notes=[_PARTIAL],
    )


def _times(result: ApiResult) -> Iterable[float]:
    """Yield the Unix seconds at which the result and its runs began, as far as they are known."""
    return (at for at in (result.created_at, *(run.executed_at for run in result.runs)) if at is not None)


def _runs(results: Sequence[ApiResult], settings: Settings, began: float) -> Iterable[RunVerdict]:
    occurrences: Counter[int] = Counter()
    for result in results:
        for run in result.runs:
            scenario = run.scenario or 0
            occurrences[scenario] += 1
            yield _judged(result, run, settings, occurrence=occurrences[scenario], began=began)


def _judged(result: ApiResult, run: ApiRun, settings: Settings, *, occurrence: int, began: float) -> RunVerdict:
    scenario, mode = run.scenario or 0, _mode(result, run)
    planned = PlannedRun(
        case=f"{scenario}#{occurrence}",
        entry=f"{scenario} {mode}",
        scenario=scenario,
        occurrence=occurrence,
        mode=mode,
        timeout=0.0,
        metadata={},
        room_metadata={},
        test_profile=False,
        tools={},
        seed=None,
        publish_data_message=None,
        max_reply=None,
        unscored="error",
    )
    seen = Observed(planned, run_id=run.id, result_id=result.id, url=settings.result_url(result.id), run=run)
    if run.executed_at is not None:
        seen.timeline["evaluator_joined"] = run.executed_at - began
        if run.duration is not None:
            seen.timeline["ended"] = run.executed_at - began + run.duration
    if not run.settled:
        seen.errored = Errored(
            Kind.TIMEOUT,
            f"no verdict yet: Cekura has the run as {run.status or 'unknown'}",
            hint=f"run `cekura-kit report --result {result.id}` again later",
        )
    return verdict_of(seen)


def _mode(result: ApiResult, run: ApiRun) -> Mode:
    text = run.text if run.text is not None else result.text
    return Mode.TEXT if text else Mode.VOICE
