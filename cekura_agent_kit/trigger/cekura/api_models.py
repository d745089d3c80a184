"""Runs and results, read from Cekura's answers, of which every field is optional. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ...verdict import Line, Metric
from ..json_values import field_of, int_of, items_of, number_of, text_of, texts_of
from .api_transcript import read_transcript

FINAL: Final = frozenset({"completed", "failed", "timeout", "cancelled"})
"""Statuses after which nothing changes. A run with any other status goes on."""
CONVERSATION_OVER: Final = FINAL | {"evaluating"}


@dataclass(frozen=True)
class ApiRun:
    """A run as Cekura described it. A text that it left out is empty, a number None.

    Attributes:
        success: Cekura's verdict; None while it is not known.
        error: ``error_message``.
        ended_reason: ``metadata.ended_reason``.
        expected_outcome: the statements of the expected outcome, or its text in older answers.
        score: of the expected outcome, 0 to 100.
        explanation: of the score.
        transcript: its times are seconds from the beginning of the conversation.
    """

    id: int
    status: str = ""
    success: bool | None = None
    error: str = ""
    scenario: int | None = None
    scenario_name: str = ""
    result_id: int | None = None
    recording_url: str = ""
    ended_reason: str = ""
    expected_outcome: str = ""
    score: float | None = None
    explanation: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    transcript: tuple[Line, ...] = ()

    @property
    def final(self) -> bool:
        """True when nothing will change any more."""
        return self.status in FINAL

    @property
    def conversation_over(self) -> bool:
        """True when the evaluator has left for good; the scoring may go on."""
        return self.status in CONVERSATION_OVER


@dataclass(frozen=True)
class StartAnswer:
    """Cekura's answer to a start: the result, and the runs that it started."""

    result_id: int | None
    runs: tuple[ApiRun, ...]


def read_start(value: Any) -> StartAnswer:
    """Read the answer to a start.

    Raises:
        ValueError: it is not an object, or names no run.
    """
    if not isinstance(value, dict):
        raise ValueError(f"it is {type(value).__name__}, not an object")
    runs = tuple(read_runs(value.get("runs")))
    if not runs:
        raise ValueError("it names no run")
    return StartAnswer(int_of(value.get("id")), runs)


def read_runs(value: Any) -> list[ApiRun]:
    """Read the runs of an array, of an object keyed by run id, of a page or of a single run; skip anything else."""
    return [_run(each, run_id) for each, run_id in _records(value)]


def _records(value: Any) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each run's object and its id."""
    while (page := _page_of(value)) is not None:
        value = page
    if isinstance(value, list):
        for each in value:
            run_id = int_of(field_of(each, "id"))
            if run_id is not None:
                yield each, run_id
        return
    if not isinstance(value, dict):
        return
    run_id = int_of(value.get("id"))
    if run_id is not None:
        yield value, run_id
        return
    for key, each in value.items():
        run_id = int_of(each.get("id", key)) if isinstance(each, dict) else None
        if run_id is not None:
            yield each, run_id


def _page_of(value: Any) -> Any:
    pages = (field_of(value, key) for key in ("results", "runs"))
    return next((page for page in pages if isinstance(page, list | dict)), None)


def _run(value: dict[str, Any], run_id: int) -> ApiRun:
    scenario = value.get("scenario")
    outcome = value.get("expected_outcome")
    success = value.get("success")
    return ApiRun(
        id=run_id,
        status=text_of(value.get("status")).strip().lower(),
        success=success if isinstance(success, bool) else None,
        error=text_of(value.get("error_message")),
        scenario=int_of(scenario.get("id") if isinstance(scenario, dict) else scenario),
        scenario_name=text_of(value.get("scenario_name")) or text_of(field_of(scenario, "name")),
        result_id=int_of(value.get("result_id")),
        recording_url=text_of(value.get("voice_recording_url")),
        ended_reason=text_of(field_of(value.get("metadata"), "ended_reason")),
        expected_outcome=text_of(outcome) if isinstance(outcome, str) else _statements(outcome),
        score=number_of(field_of(outcome, "score")),
        explanation=texts_of(field_of(outcome, "explanation")),
        metrics=tuple(_metrics(field_of(value.get("evaluation"), "metrics"))),
        transcript=read_transcript(value.get("transcript_object"), value.get("transcript")),
    )


def _statements(outcome: Any) -> str:
    parts = (text_of(field_of(each, "outcome")) for each in items_of(field_of(outcome, "outcome_alignments")))
    return "; ".join(part for part in parts if part)


def _metrics(value: Any) -> Iterator[Metric]:
    for each in items_of(value):
        if isinstance(each, dict):
            explanation = "\n".join(texts_of(each.get("explanation")))
            yield Metric(name=text_of(each.get("name")), score=number_of(each.get("score")), explanation=explanation)
