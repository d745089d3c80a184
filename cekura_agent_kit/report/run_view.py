"""View of one run in the HTML report: texts, figures and transcript, ready for the template."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from ..verdict import Line, Outcome, PoolId, RunVerdict, exception_of
from . import durations, figures, phrases
from .reasons import explanation, main_reason, reasons, turning_point
from .sanitize import printable_line


@dataclass(frozen=True)
class LineView:
    """Line of the transcript."""

    line: Line
    at: str
    speaker: str
    reply_time: str
    turning_point: bool
    arguments: str
    raised: str
    """Exception of a tool call, with its line."""


@dataclass(frozen=True)
class MeasureView:
    """Rubric rule, metric, statement or check, with its result in words."""

    name: str
    result: str
    state: Literal["passed", "failed", "plain"]
    explanation: str


@dataclass(frozen=True)
class RunView:
    """Run, with everything that the template shows of it."""

    n: int
    run: RunVerdict
    entry: str
    flaky: bool
    cause: str
    expected: str
    caller_model: str
    """Model that played the caller; empty for any other caller."""
    main_reason: str
    reasons: list[str]
    explanation: list[str]
    measures: list[tuple[str, list[MeasureView]]]
    """Heading and results: rubric, metrics, statements, checks; none of them empty."""
    took: str
    stages: figures.Stages | None
    replies: figures.Replies | None
    transcript: list[LineView]
    open: bool

    @property
    def pool(self) -> PoolId:
        """Pool that the run belongs to."""
        return PoolId.of(self.run)

    @property
    def turning_point(self) -> LineView | None:
        """Line that shows the failure."""
        return next((line for line in self.transcript if line.turning_point), None)


def view_of(n: int, run: RunVerdict, *, flaky: bool) -> RunView:
    """Return the view of a run.

    Args:
        n: the run's number in the page, from 1. The first run is open if it did not pass.
        run: the run.
        flaky: some runs of its pool passed and some failed.
    """
    took = durations.duration(run)
    return RunView(
        n=n,
        run=run,
        entry=phrases.entry_name(run),
        flaky=flaky,
        cause=phrases.cause(run),
        expected=phrases.expected(run),
        caller_model=phrases.caller_model(run),
        main_reason=main_reason(run),
        reasons=reasons(run),
        explanation=explanation(run),
        measures=_measures(run),
        took="" if took is None else durations.seconds(took),
        stages=figures.stages(run),
        replies=figures.replies(run),
        transcript=_transcript(run),
        open=n == 1 and run.outcome in (Outcome.FAILED, Outcome.ERRORED),
    )


def _measures(run: RunVerdict) -> list[tuple[str, list[MeasureView]]]:
    shown = {*reasons(run), *explanation(run), printable_line(" ".join(run.explanation))}
    rubric = [
        MeasureView(each.name, phrases.rule_result(each), _state(each.passed), each.explanation) for each in run.rubric
    ]
    metrics = [
        MeasureView(each.name, phrases.metric_result(each), _state(each.passed), each.explanation)
        for each in run.metrics
    ]
    statements = [
        MeasureView(
            each.text,
            phrases.statement_result(each),
            _state({"met": True, "not_met": False, "blocked": None}[each.outcome]),
            each.explanation,
        )
        for each in run.statements
    ]
    checks = [MeasureView(each.name, phrases.check_result(each), _state(each.ok), each.detail) for each in run.checks]
    groups = [("Rubric", rubric), ("Metrics", metrics), ("Expected outcome", statements), ("Agent's checks", checks)]
    return [(heading, [_without_repeats(each, shown) for each in group]) for heading, group in groups if group]


def _without_repeats(measure: MeasureView, shown: set[str]) -> MeasureView:
    """Drop an explanation that is already among the run's reasons."""
    words = printable_line(measure.explanation)
    repeated = any(words in each for each in shown)
    return MeasureView(measure.name, measure.result, measure.state, "" if repeated else measure.explanation)


def _state(passed: bool | None) -> Literal["passed", "failed", "plain"]:
    return "plain" if passed is None else "passed" if passed else "failed"


def _transcript(run: RunVerdict) -> list[LineView]:
    start, replies, point = durations.conversation_start(run), durations.reply_times(run), turning_point(run)
    return [
        LineView(
            line=line,
            at=durations.clock(line.at - start) if line.at is not None else "",
            speaker=phrases.speaker(line),
            reply_time=durations.seconds(replies[n]) if n in replies else "",
            turning_point=n == point,
            raised=exception_of(line),
            arguments=json.dumps(line.arguments, ensure_ascii=False, default=str) if line.arguments else "",
        )
        for n, line in enumerate(run.transcript)
    ]
