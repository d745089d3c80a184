"""The verdict of a run, from what was observed of it and what Cekura says of it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Literal

from ...verdict import Check, Kind, Latency, Line, Outcome, RunVerdict, SkipReason, Timeline, disapproving, failures
from ..cekura.api_models import ApiRun
from ..errored import Errored
from ..plan.planned_run import PlannedRun

_SYMPTOMS: Final = (Kind.AGENT_LEFT, Kind.EVALUATOR_MISSING, Kind.RUN_FAILED, Kind.TIMEOUT)
"""Kinds that a breakdown explains: it is named first."""


@dataclass
class Observed:
    """Observations of one run so far. Times are seconds from the suite's start."""

    planned: PlannedRun
    room: str = ""
    run_id: int | None = None
    result_id: int | None = None
    url: str = ""
    run: ApiRun | None = None
    """Its latest answer from Cekura."""
    timeline: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    agent_left: bool = False
    """The agent left while the evaluator was in the room."""
    skipped: SkipReason | None = None
    """Set if the run was left out on purpose."""
    crash: str = ""
    """Death of the agent's job process in words; empty if it lives."""
    breakdown: Errored | None = None
    """Error of what broke under the conversation: the worker, the LiveKit server, a part of the sandbox."""
    errored: Errored | None = None
    """Reason why it cannot be judged, unless Cekura has completed it."""
    lines: list[Line] = field(default_factory=list)
    latency: Latency = field(default_factory=Latency)
    full_reply: Latency = field(default_factory=Latency)
    watched: bool = False
    """A witness was in the room."""
    checks: list[Check] = field(default_factory=list)
    """Checks of the agent's own code, if a witness received them."""
    failed_check: str = ""
    """First of these that failed, by the agent's attribute."""
    seed: int | None = None
    """Seed of the test."""
    signed: bool | None = None
    """The agent accepted the test's signature; None if that is not known."""

    @property
    def evaluator_came(self) -> bool:
        """True once the evaluator was in the room."""
        return "evaluator_joined" in self.timeline

    @property
    def all_checks(self) -> list[Check]:
        """Checks of the agent's own code, whatever reported them."""
        if self.failed_check and all(check.ok for check in self.checks):
            return [*self.checks, Check(name=self.failed_check, ok=False)]
        return self.checks


def verdict_of(seen: Observed) -> RunVerdict:
    """Judge a run.

    Cekura's own completed verdict wins over anything observed in the room, but for a check of the agent's own code
    that failed: it makes a run failed that Cekura passed. Without a verdict of Cekura's the run is errored: by what
    the trigger found first, or else by how Cekura ended it.
    """
    run = seen.run or ApiRun(0)
    judgement = _judge(seen)
    outcome, kind, reason, hint = judgement.outcome, judgement.kind, judgement.reason, judgement.hint
    notes = [*seen.notes, *judgement.notes]
    for error in (seen.errored, seen.breakdown):
        if error is not None and str(error) not in reason:
            notes.append(f"{error.kind}: {error}")
    if seen.crash and seen.crash not in reason:
        notes.append(seen.crash)
    notes += [each for each in failures(checks=seen.all_checks) if each not in reason]
    if run.reviewed is not None:
        notes.append(f"a person reviewed this run as {'passed' if run.reviewed else 'failed'}")
    lines, source = _transcript(seen)
    return RunVerdict(
        case=seen.planned.case,
        entry=seen.planned.entry,
        scenario=seen.planned.scenario,
        scenario_name=run.scenario_name,
        agent_version=run.agent_version,
        mode=seen.planned.mode,
        outcome=outcome,
        kind=kind,
        reason=reason,
        hint=hint,
        notes=notes,
        run_id=seen.run_id,
        result_id=seen.result_id or run.result_id,
        url=seen.url,
        room=seen.room,
        recording_url=run.recording_url,
        ended_reason=run.ended_reason,
        expected_outcome=run.expected_outcome,
        score=run.score,
        explanation=list(run.explanation),
        signed=seen.signed,
        metadata=seen.planned.job_keys,
        room_metadata=dict(seen.planned.room_metadata),
        test_profile_data=dict(seen.planned.profile or {}),
        tools=dict(seen.planned.tools),
        seed=seen.seed,
        measured=run.measured if run.status == "completed" else None,
        rubric=list(run.rubric),
        statements=list(run.statements),
        metrics=list(run.metrics),
        checks=seen.all_checks,
        timeline=Timeline(**{stage: round(at, 3) for stage, at in seen.timeline.items()}),
        latency=seen.latency,
        full_reply=seen.full_reply,
        transcript_source=source,
        transcript=_with_mocks(lines, run.mocked_tools),
        played_caller=run.played_caller,
    )


@dataclass(frozen=True)
class _Judgement:
    outcome: Outcome
    reason: str = ""
    kind: Kind | None = None
    hint: str = ""
    notes: tuple[str, ...] = ()


def _judge(seen: Observed) -> _Judgement:
    if seen.skipped is not None:
        return _Judgement(Outcome.SKIPPED, seen.skipped)
    run = seen.run
    if run is not None and run.status == "completed" and run.verdict is not None:
        return _passed(seen, run) if run.verdict else _failed_by_cekura(seen, run)
    if seen.crash:
        return _Judgement(Outcome.FAILED, seen.crash)
    error = seen.errored or _ended_without_verdict(seen)
    if seen.breakdown is not None and error.kind in _SYMPTOMS:
        return _errored(Errored(seen.breakdown.kind, f"{seen.breakdown}; {error}", hint=seen.breakdown.hint))
    return _errored(error)


def _passed(seen: Observed, run: ApiRun) -> _Judgement:
    slow = _too_slow(seen)
    if failed := failures(checks=seen.all_checks):
        return _failed(seen, *failed, slow)
    if slow:
        return _Judgement(Outcome.FAILED, slow)
    if run.reviewed is not None or (run.measured and not run.blocked):
        return _Judgement(Outcome.PASSED)
    what = "could not judge the expected outcome" if run.measured else "measured nothing"
    if run.blocked and not run.measured:
        what = "could not judge the expected outcome, and measured nothing else"
    reason = f"Cekura reports success, and {what}"
    if seen.planned.unscored == "error":
        return _errored(Errored(Kind.UNSCORED, reason))
    return _Judgement(Outcome.PASSED, notes=(f"unscored: {reason}",) if seen.planned.unscored == "warn" else ())


def _failed_by_cekura(seen: Observed, run: ApiRun) -> _Judgement:
    is_broken = seen.breakdown is not None and not seen.crash
    why = f"Cekura judged the run as failed: {why_failed(run)}" if is_broken else why_failed(run)
    return _failed(seen, *failures(checks=seen.all_checks), why)


def _failed(seen: Observed, *reasons: str) -> _Judgement:
    """Keep a fail, of Cekura's or of the agent's own checks, unless something that is not the agent's broke."""
    if seen.breakdown is not None and not seen.crash:
        error = seen.breakdown
        return _errored(Errored(error.kind, "; ".join(filter(None, [str(error), *reasons])), hint=error.hint))
    return _Judgement(Outcome.FAILED, "; ".join(filter(None, [seen.crash, *reasons])))


def _errored(error: Errored) -> _Judgement:
    return _Judgement(Outcome.ERRORED, str(error), error.kind, error.hint)


def why_failed(run: ApiRun) -> str:
    """Return what failed the run: rules, metrics and statements, else Cekura's explanation, else its error.

    A sentence that approves is never a reason.
    """
    failed = failures(run.rubric, run.metrics, run.statements, explanation=run.explanation)
    if run.success and run.reviewed is False:
        # The explanation is of Cekura's own verdict, which was a success.
        return "; ".join(failed) or "a person judged it as failed"
    reason = "; ".join(failed or disapproving(run.explanation)) or run.error
    return reason or "Cekura judged it as failed"


def _too_slow(seen: Observed) -> str:
    limit = seen.planned.max_reply
    slowest = max(seen.latency.turns, default=0.0)
    if limit is None or slowest <= limit:
        return ""
    turn = seen.latency.turns.index(slowest) + 1
    return f"reply {turn} took {slowest:.1f} s, and max_reply is {limit:g} s"


def _ended_without_verdict(seen: Observed) -> Errored:
    run = seen.run
    if run is None or not run.final:
        return Errored(Kind.TIMEOUT, "no verdict came")
    if run.status == "completed":
        return Errored(Kind.RUN_FAILED, "Cekura completed the run, and gave no verdict")
    said = f"Cekura ended the run as {run.status}" + (f": {run.error}" if run.error else "")
    if seen.agent_left:
        return Errored(Kind.AGENT_LEFT, f"the agent left during the conversation; {said}")
    if "did-not-answer" in f"{run.error} {run.ended_reason}".lower():
        return Errored(
            Kind.RUN_FAILED,
            said,
            hint="no agent answered; often the LiveKit plan limits how many agents run at once: lower `concurrency`",
        )
    if not seen.evaluator_came:
        return Errored(Kind.EVALUATOR_MISSING, f"Cekura's evaluator never joined the room; {said}")
    return Errored(Kind.RUN_FAILED, said)


def _transcript(seen: Observed) -> tuple[list[Line], Literal["witness", "cekura"] | None]:
    if seen.watched and seen.lines:
        return seen.lines, "witness"
    if seen.run is None or not seen.run.transcript:
        return [], None
    # Cekura counts from the beginning of the conversation.
    begin = seen.timeline.get("evaluator_joined", 0.0)
    moved = [
        line if line.at is None else line.model_copy(update={"at": round(line.at + begin, 3)})
        for line in seen.run.transcript
    ]
    return moved, "cekura"


def _with_mocks(lines: list[Line], mocked: Collection[str]) -> list[Line]:
    """Mark the calls of tools that Cekura's mocks answered."""
    return [
        line.model_copy(update={"mocked": True}) if line.role == "tool" and line.name in mocked else line
        for line in lines
    ]
