"""Runs and results, read from Cekura's answers, of which every field is optional. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from ...verdict import Line, Metric, PlayedCaller, RubricRule, Statement
from ..json_values import clock_of, field_of, int_of, moment_of, text_of, texts_of
from .api_transcript import read_transcript
from .evaluation import measures, read_expected_outcome, read_metrics, read_rubric

FINAL: Final = frozenset({"completed", "failed", "timeout", "cancelled"})
"""Statuses after which nothing changes. A run with any other status goes on."""
CONVERSATION_OVER: Final = FINAL | {"evaluating"}
_BLOCKED: Final = 50.0
"""Score of an expected outcome of which a statement was blocked and none was not met."""
_REVIEWS: Final = {"reviewed_success": True, "reviewed_failure": False}


@dataclass(frozen=True)
class ApiRun:
    """A run as Cekura described it. A text that it left out is empty, a number None.

    Attributes:
        success: Cekura's verdict; None while it is not known.
        error: ``error_message``.
        ended_reason: ``metadata.ended_reason``.
        text: ``run_as_text``; None where the answer does not say it.
        reviewed: the verdict of a person's review, which overrides ``success``; None without one.
        expected_outcome: its statements joined, or the text of an older answer.
        score: of the expected outcome, 0 to 100. 100: all statements met; 0: one not met; 50: one blocked.
        explanation: of the score.
        statements: of the expected outcome; none in older answers.
        mocked_tools: names of the tools whose calls Cekura's mocks answered.
        transcript: its times are seconds from the beginning of the conversation.
        agent_version: of the agent on Cekura, in its words.
        executed_at: Unix seconds at which the conversation began; None if they are not known.
        duration: of the conversation, in seconds; None if it is not known.
        played_caller: the model that played the caller in the sandbox; None for Cekura's own evaluator.
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
    text: bool | None = None
    reviewed: bool | None = None
    rubric: tuple[RubricRule, ...] = ()
    expected_outcome: str = ""
    score: float | None = None
    explanation: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()
    metrics: tuple[Metric, ...] = ()
    mocked_tools: tuple[str, ...] = ()
    transcript: tuple[Line, ...] = ()
    agent_version: str = ""
    executed_at: float | None = None
    duration: float | None = None
    played_caller: PlayedCaller | None = None

    @property
    def verdict(self) -> bool | None:
        """Verdict of a person's review if there is one, else Cekura's; None while neither is known."""
        return self.success if self.reviewed is None else self.reviewed

    @property
    def measured(self) -> bool:
        """True if something was measured: a rule, a binary or enum metric, or a statement that was met or not met."""
        return (
            any(rule.passed is not None for rule in self.rubric)
            or any(measures(metric) for metric in self.metrics)
            or any(statement.outcome != "blocked" for statement in self.statements)
            or (not self.statements and self.score is not None and self.score != _BLOCKED)
        )

    @property
    def blocked(self) -> bool:
        """True if Cekura could not judge a statement of the expected outcome."""
        if self.statements:
            return any(statement.outcome == "blocked" for statement in self.statements)
        return self.score == _BLOCKED

    @property
    def settled(self) -> bool:
        """True when nothing will change any more, and a completed run has its verdict."""
        return self.final and (self.status != "completed" or self.verdict is not None)

    @property
    def final(self) -> bool:
        """True when the run's status will not change any more. The verdict of a completed run may follow."""
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


@dataclass(frozen=True)
class ApiResult:
    """A result as Cekura described it.

    Attributes:
        name: empty if it is not known.
        text: ``run_as_text``; None if the answer does not name it.
        created_at: Unix seconds; None if they are not known.
    """

    id: int
    name: str
    text: bool | None
    created_at: float | None
    runs: tuple[ApiRun, ...]

    def with_runs(self, runs: Iterable[ApiRun]) -> ApiResult:
        """Return the result with other records of its runs."""
        return replace(self, runs=tuple(runs))


def read_result(value: Any, result_id: int) -> ApiResult:
    """Read a result; an answer of another shape gives one of which nothing is known."""
    text = field_of(value, "run_as_text")
    return ApiResult(
        id=result_id,
        name=text_of(field_of(value, "name")),
        text=text if isinstance(text, bool) else None,
        created_at=moment_of(field_of(value, "created_at")),
        runs=tuple(read_runs(field_of(value, "runs"))),
    )


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


def _agent_version(value: Any) -> str:
    """Return a version that is a text or a number, or has one. Its shape is not documented."""
    names = (field_of(value, key) for key in ("version", "name", "id"))
    found = next((each for each in names if each is not None), None) if isinstance(value, dict) else value
    return text_of(found)[:100] if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _page_of(value: Any) -> Any:
    pages = (field_of(value, key) for key in ("results", "runs"))
    return next((page for page in pages if isinstance(page, list | dict)), None)


def _run(value: dict[str, Any], run_id: int) -> ApiRun:
    scenario = value.get("scenario")
    success = value.get("success")
    outcome = read_expected_outcome(value.get("expected_outcome"))
    mocked = texts_of(value.get("mocked_tool_names"))
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
        text=run_as_text if isinstance(run_as_text := value.get("run_as_text"), bool) else None,
        reviewed=_REVIEWS.get(text_of(value.get("evaluation_status")).strip().lower()),
        rubric=read_rubric(value.get("rubric")),
        expected_outcome=outcome.text,
        score=outcome.score,
        explanation=outcome.explanation,
        statements=outcome.statements,
        metrics=read_metrics(field_of(value.get("evaluation"), "metrics")),
        mocked_tools=mocked,
        transcript=tuple(
            line.model_copy(update={"mocked": True}) if line.role == "tool" and line.name in mocked else line
            for line in read_transcript(value.get("transcript_object"), value.get("transcript"))
        ),
        agent_version=_agent_version(value.get("agent_version")),
        executed_at=moment_of(value.get("executed_at")),
        duration=clock_of(value.get("duration")),
        played_caller=_played_caller(field_of(value.get("metadata"), "played_caller")),
    )


def _played_caller(value: Any) -> PlayedCaller | None:
    """Return what the sandbox says of the model that played the caller."""
    if not (model := text_of(field_of(value, "model"))):
        return None
    turns, tokens = (int_of(field_of(value, key)) or 0 for key in ("turns", "tokens"))
    return PlayedCaller(model=model, prompts=text_of(field_of(value, "prompts")), turns=turns, tokens=tokens)
