"""What a suite comes to. The JSON report, version 1, is this model and nothing else.

Times are seconds from the suite's start. Every key is always there; null or empty says "not known".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from .contract import Mode
from .errors import ReportError


class Outcome(StrEnum):
    """Passed and failed speak of the agent; errored speaks of the test."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"


class Kind(StrEnum):
    """Why a run or a suite errored."""

    AGENT_MISSING = "agent_missing"
    """No agent came into the room."""
    AGENT_DUPLICATED = "agent_duplicated"
    """More than one agent came."""
    AGENT_REFUSED = "agent_refused"
    """The wrapper or the entrypoint said why it gave up (``cekura.error``)."""
    AGENT_LEFT = "agent_left"
    """The agent went in the middle of the run, and there is no verdict."""
    WRONG_MODE = "wrong_mode"
    """The agent talks in another mode than the run."""
    WORKER_FAILED = "worker_failed"
    """The suite's worker did not start, or died."""
    START_REFUSED = "start_refused"
    """Cekura answered 4xx to the start."""
    START_UNKNOWN = "start_unknown"
    """The start's answer was lost, and what it started could not be told."""
    EVALUATOR_MISSING = "evaluator_missing"
    """Cekura's evaluator never joined the room."""
    RUN_FAILED = "run_failed"
    """Cekura ended the run without a verdict."""
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    API_UNREACHABLE = "api_unreachable"
    NOT_RUN = "not_run"
    """Fail-fast, or stopped before its turn."""
    INTERNAL = "internal"
    """A fault of the kit's."""


class _Model(BaseModel):
    # In the schema of what is written every key is required: all are always there.
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


class Metric(_Model):
    """One metric of Cekura's evaluation."""

    name: str
    score: float | None = None
    explanation: str = ""


class Timeline(_Model):
    """The stages of a run, in seconds from the suite's start."""

    room: float | None = None
    """The room was made."""
    agent_joined: float | None = None
    agent_ready: float | None = None
    started: float | None = None
    """Cekura accepted the start."""
    evaluator_joined: float | None = None
    """The server's own join time."""
    first_reply: float | None = None
    """The agent's first words after the evaluator had joined."""
    ended: float | None = None
    """The talk was over."""
    verdict: float | None = None
    """The verdict was known."""


class Latency(_Model):
    """How long replies took, in seconds, a turn each."""

    turns: list[float] = []
    median: float | None = None
    p95: float | None = None

    @classmethod
    def of(cls, turns: Iterable[float]) -> Latency:
        """Median and 95th percentile (nearest rank) of the turns."""
        turns = list(turns)
        if not turns:
            return cls()
        ranked = sorted(turns)
        median = (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2
        p95 = ranked[-(-len(ranked) * 95 // 100) - 1]
        return cls(turns=turns, median=round(median, 3), p95=round(p95, 3))


class Line(_Model):
    """One line of a transcript."""

    role: Literal["evaluator", "agent", "tool", "event"]
    text: str = ""
    """What was said; for an event, what happened."""
    at: float | None = None
    name: str = ""
    """The tool's name, or the event's."""
    arguments: dict[str, Any] = {}
    """The tool call's arguments."""
    output: str = ""
    """The tool call's output."""


class Result(_Model):
    """A result on Cekura: the runs of one start."""

    id: int
    mode: Mode
    url: str = ""


class RunVerdict(_Model):
    """What one run came to."""

    case: str
    """``SCENARIO#N``: the Nth occurrence of that scenario in the suite."""
    scenario: int
    scenario_name: str = ""
    mode: Mode
    outcome: Outcome
    kind: Kind | None = None
    """Set where the outcome is errored."""
    reason: str = ""
    hint: str = ""
    notes: list[str] = []
    run_id: int | None = None
    result_id: int | None = None
    url: str = ""
    """Cekura's page of the run."""
    room: str = ""
    recording_url: str = ""
    ended_reason: str = ""
    expected_outcome: str = ""
    score: float | None = None
    """Of the expected outcome, 0 to 100."""
    explanation: list[str] = []
    metrics: list[Metric] = []
    timeline: Timeline = Timeline()
    latency: Latency = Latency()
    """From the evaluator's last words to the agent's first words of the reply."""
    full_reply: Latency = Latency()
    """From the evaluator's last words to the agent's last words of the reply."""
    transcript_source: Literal["witness", "cekura"] | None = None
    transcript: list[Line] = []


class ScenarioVerdict(_Model):
    """What all runs of one scenario came to."""

    scenario: int
    name: str = ""
    outcome: Outcome
    """By its rate: passed where ``passed / (passed + failed)`` is at least ``pass_rate`` and nothing errored."""
    passed: int
    failed: int
    errored: int
    pass_rate: float = 1.0
    flaky: bool
    """It passed and failed in the same mode."""


class SuiteVerdict(_Model):
    """What a suite came to."""

    version: Literal[1] = 1
    suite: str
    suite_id: str
    outcome: Outcome
    kind: Kind | None = None
    """Set where the suite as a whole errored."""
    hint: str = ""
    started_at: str
    """ISO 8601, with its offset from UTC."""
    duration_s: float
    results: list[Result] = []
    runs: list[RunVerdict] = []
    scenarios: list[ScenarioVerdict] = []
    rooms_left: list[str] = []
    """Rooms that could not be deleted; `cekura-kit sweep` finds them later."""

    @property
    def exit_code(self) -> int:
        """0 all passed, 1 some failed and none errored, 2 some errored or nothing ran."""
        return {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.ERRORED: 2}[self.outcome]

    @property
    def latency(self) -> Latency:
        """Of all turns of all runs. Not in the JSON report, which has them a run each."""
        return Latency.of(turn for run in self.runs for turn in run.latency.turns)

    @property
    def full_reply(self) -> Latency:
        """Of all turns of all runs, as `latency`."""
        return Latency.of(turn for run in self.runs for turn in run.full_reply.turns)

    @classmethod
    def of(
        cls,
        runs: Iterable[RunVerdict],
        *,
        suite: str,
        suite_id: str,
        started_at: str,
        duration_s: float,
        results: Iterable[Result] = (),
        pass_rates: Mapping[int, float] | None = None,
        kind: Kind | None = None,
        hint: str = "",
        rooms_left: Iterable[str] = (),
    ) -> SuiteVerdict:
        """The suite's verdict by its runs.

        Args:
            runs: in the order of the suite file.
            suite: its name.
            suite_id: its id, random for each run of a suite.
            started_at: ISO 8601.
            duration_s: seconds.
            results: what was started on Cekura.
            pass_rates: scenario id to the rate, 0 to 1, from which it counts as passed; 1 where it is not named.
            kind: set where the suite as a whole errored.
            hint: what to do about it.
            rooms_left: rooms that could not be deleted.
        """
        runs = list(runs)
        scenarios = scenarios_of(runs, pass_rates or {})
        return cls(
            suite=suite,
            suite_id=suite_id,
            outcome=Outcome.ERRORED if kind is not None else _overall([s.outcome for s in scenarios]),
            kind=kind,
            hint=hint,
            started_at=started_at,
            duration_s=round(duration_s, 3),
            results=list(results),
            runs=runs,
            scenarios=scenarios,
            rooms_left=list(rooms_left),
        )

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str = "report") -> SuiteVerdict:
        """Read a JSON report.

        Raises:
            ReportError: it is no report of version 1; names the first thing that does not fit.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise ReportError(
                f"{source}: {where}: {first['msg']}", hint="give a file that `cekura-kit run --json` wrote"
            ) from None

    def to_json(self) -> str:
        """The JSON report, version 1."""
        return self.model_dump_json(indent=2)


def scenarios_of(runs: Iterable[RunVerdict], pass_rates: Mapping[int, float]) -> list[ScenarioVerdict]:
    """The verdict of each scenario by its runs, in the order of their first appearance."""
    by_scenario: dict[int, list[RunVerdict]] = {}
    for run in runs:
        by_scenario.setdefault(run.scenario, []).append(run)
    return [_scenario(scenario, its_runs, pass_rates.get(scenario, 1.0)) for scenario, its_runs in by_scenario.items()]


def _scenario(scenario: int, runs: list[RunVerdict], pass_rate: float) -> ScenarioVerdict:
    passed, failed, errored = (sum(run.outcome is outcome for run in runs) for outcome in Outcome)
    if errored:
        outcome = Outcome.ERRORED
    else:
        # The margin keeps 0.8 of 5 at 4 in spite of binary fractions.
        outcome = Outcome.PASSED if passed >= pass_rate * (passed + failed) - 1e-9 else Outcome.FAILED
    outcomes_by_mode = {(run.mode, run.outcome) for run in runs}
    return ScenarioVerdict(
        scenario=scenario,
        name=next((run.scenario_name for run in runs if run.scenario_name), ""),
        outcome=outcome,
        passed=passed,
        failed=failed,
        errored=errored,
        pass_rate=pass_rate,
        flaky=any({(mode, Outcome.PASSED), (mode, Outcome.FAILED)} <= outcomes_by_mode for mode in Mode),
    )


def _overall(outcomes: list[Outcome]) -> Outcome:
    if not outcomes or Outcome.ERRORED in outcomes:
        return Outcome.ERRORED
    return Outcome.FAILED if Outcome.FAILED in outcomes else Outcome.PASSED
