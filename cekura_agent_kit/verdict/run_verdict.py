"""Verdict of one run, and what it consists of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from ..contract import Mode
from .outcomes import Kind, Outcome, SkipReason
from .report_model import ReportModel

Scalar = bool | int | float | str | None


class RubricRule(ReportModel):
    """Rule of the project's rubric on Cekura. All rules that apply must pass."""

    name: str
    """Name of the metric that the rule judges."""
    passed: bool | None = None
    """Null if the rule was skipped: its metric has no value or does not apply."""
    value: Scalar = None
    """Value of the metric."""
    conditions: str = ""
    """Condition on the value, such as `score gte 5`."""
    explanation: str = ""
    """Cekura's words."""


class Metric(ReportModel):
    """Metric of Cekura's evaluation."""

    name: str
    """Name on Cekura."""
    type: str = ""
    """`binary`, `enum`, `numeric`, `continuous_qualitative`, or another word of Cekura's."""
    passed: bool | None = None
    """Null if the metric neither passes nor fails, as a plain number, or did not apply."""
    value: Scalar = None
    """Value of an enum or a number."""
    score: float | None = None
    """Score in older answers of Cekura: of a binary metric, 5 if it passed and 0 if it failed."""
    explanation: str = ""
    """Cekura's words."""


class Statement(ReportModel):
    """Statement of the scenario's expected outcome."""

    text: str
    """The statement."""
    outcome: Literal["met", "not_met", "blocked"]
    """Blocked: Cekura could not judge it."""
    explanation: str = ""
    """Cekura's words."""


class Check(ReportModel):
    """Check that the agent's own code made during the test, with `check` or `fail`."""

    name: str
    """Name given by the agent's code: the statement that was checked, or the reason of `fail`."""
    ok: bool
    """The check passed."""
    detail: str = ""
    """Explanation that the agent's code adds."""


class Timeline(ReportModel):
    """Stages of a run, in seconds from the suite's start."""

    room: float | None = None
    """The room was created."""
    agent_joined: float | None = None
    """The agent joined the room."""
    agent_ready: float | None = None
    """The agent can talk to the evaluator."""
    started: float | None = None
    """Cekura accepted the start."""
    evaluator_joined: float | None = None
    """Join time reported by the LiveKit server."""
    first_reply: float | None = None
    """First words of the agent after the evaluator joined."""
    ended: float | None = None
    """The conversation was over."""
    verdict: float | None = None
    """The verdict was known."""


class Latency(ReportModel):
    """Reply times, in seconds."""

    turns: list[float] = []
    """One value for each turn."""
    median: float | None = None
    """Median of the turns."""
    p95: float | None = None
    """95th percentile of the turns, by the nearest rank."""

    @classmethod
    def of(cls, turns: Iterable[float]) -> Latency:
        """Return the turns with their median and 95th percentile (nearest rank)."""
        turns = list(turns)
        if not turns:
            return cls()
        ranked = sorted(turns)
        median = (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2
        p95 = ranked[-(-len(ranked) * 95 // 100) - 1]
        return cls(turns=turns, median=round(median, 3), p95=round(p95, 3))


class Line(ReportModel):
    """Line of a transcript."""

    role: Literal["evaluator", "agent", "tool", "event"]
    """Speaker, or the kind of line."""
    text: str = ""
    """Words of a speaker, or the description of an event."""
    at: float | None = None
    """Seconds from the suite's start."""
    name: str = ""
    """Name of the tool or of the event."""
    arguments: dict[str, Any] = {}
    """Arguments of the tool call."""
    output: str = ""
    """Output of the tool call."""
    is_error: bool = False
    """The tool call failed; `output` is its error."""
    exception: str = ""
    """Exception of a tool call that failed, such as `ValueError: no table`, if the agent is wrapped."""
    place: str = ""
    """Line of the agent's own code that raised it, such as `tools/menu.py:41`."""
    mocked: bool = False
    """A double or a mock answered the tool call."""


class PlayedCaller(ReportModel):
    """The caller of a run in the sandbox, played by a model."""

    model: str
    """Name of the model, which also judged the outcome."""
    prompts: str = ""
    """Versions of the prompts, such as `caller 1, outcome 1`."""
    turns: int = 0
    """Number of the caller's turns."""
    tokens: int = 0
    """Tokens that the caller's model has read and written. Estimated where the endpoint does not count them."""


class RunVerdict(ReportModel):
    """Verdict of one run."""

    case: str
    """`SCENARIO#N`: the Nth run of that scenario in the suite's plan."""
    entry: str = ""
    """Name of the entry in the suite's `runs`; empty in reports of version 1."""
    scenario: int
    """Id on Cekura."""
    scenario_name: str = ""
    """Name on Cekura."""
    scenario_version: str = ""
    """Fingerprint of what Cekura stored of the scenario when the suite began; empty if it could not be read."""
    agent_version: str = ""
    """Version of the agent on Cekura; empty if Cekura does not say it."""
    mode: Mode
    outcome: Outcome
    kind: Kind | None = None
    """Set if the outcome is errored."""
    reason: str = ""
    """Cause of the outcome if the run failed or errored; `fail_fast`, `decided` or `tried` if it was skipped."""
    hint: str = ""
    """Advice on what to do about it."""
    notes: list[str] = []
    """Other observations, which did not decide the outcome."""
    run_id: int | None = None
    """Id of the run on Cekura."""
    result_id: int | None = None
    """Id of its result on Cekura."""
    url: str = ""
    """Page of the run on Cekura."""
    room: str = ""
    """Name of the LiveKit room."""
    recording_url: str = ""
    """Recording on Cekura."""
    ended_reason: str = ""
    """Reason of the end of the conversation, in Cekura's words."""
    signed: bool | None = None
    """The agent accepted the trigger's signature. Null if that is not known."""
    measured: bool | None = None
    """Cekura measured something: a rubric rule, a metric that passes or fails, or a statement. Null without a verdict
    of Cekura's, and in reports of version 1."""
    rubric: list[RubricRule] = []
    """Rules of the project's rubric on Cekura."""
    expected_outcome: str = ""
    """Text of the expected outcome."""
    statements: list[Statement] = []
    """Statements of the expected outcome."""
    score: float | None = None
    """Score of the expected outcome, 0 to 100."""
    explanation: list[str] = []
    """Cekura's explanation of the expected outcome."""
    metrics: list[Metric] = []
    """Metrics of Cekura's evaluation."""
    checks: list[Check] = []
    """Checks of the agent's own code."""
    timeline: Timeline = Timeline()
    latency: Latency = Latency()
    """Time from the evaluator's last words to the first words of the agent's reply."""
    full_reply: Latency = Latency()
    """Time from the evaluator's last words to the last words of the agent's reply."""
    transcript_source: Literal["witness", "cekura", "memory"] | None = None
    """`witness`: observed in the room. `cekura`: read from Cekura. `memory`: of a try, held in memory."""
    transcript: list[Line] = []
    """The conversation, with tool calls and events, in order."""
    worker_log: str = ""
    """Path of the worker's log of this run, relative to the report."""
    seed: int | None = None
    """Seed of the test, which the agent can read."""
    metadata: dict[str, Any] = {}
    """Metadata of the job, without secrets."""
    room_metadata: dict[str, Any] = {}
    """Metadata of the room, without secrets."""
    test_profile_data: dict[str, Any] = {}
    """The main agent's part of the scenario's test profile, as sent to the agent."""
    tools: dict[str, Any] = {}
    """Behaviour of the agent's tools in this test, as in the suite."""
    played_caller: PlayedCaller | None = None
    """The model that played the caller. Null on Cekura, and for a scripted caller."""

    @property
    def failed_in_memory(self) -> bool:
        """True for a run that was not started, because its scenario failed in memory."""
        return self.outcome is Outcome.SKIPPED and self.reason == SkipReason.TRIED
