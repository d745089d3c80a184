"""Runs and results of the stand-in: how they live, and how the API shows them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from ...contract import Mode
from ...errors import KitError
from ..channels.room import RoomChannel
from .evaluator import Evaluator, Judgement, Utterance
from .faults import RunFault
from .scenarios import Scenario

FINAL: Final = frozenset({"completed", "failed", "timeout", "cancelled"})
_ROLES: Final = {"evaluator": "Testing Agent", "agent": "Main Agent"}

_log: Final = logging.getLogger("cekura_agent_kit.sandbox")

MakeLine = Callable[[Mode], RoomChannel]


@dataclass(frozen=True, kw_only=True)
class RunTiming:
    """How long a run stays in each status, in seconds. Hosted runs queue, and score, for seconds to minutes."""

    queue: float = 0.05
    scoring: float = 0.1


@dataclass(frozen=True)
class Invitation:
    """What a start says about one run."""

    url: str
    token: str = field(repr=False)
    data_message: Mapping[str, Any] | None = None
    """``publish_data_message``."""


@dataclass(eq=False)
class Run:
    """One run: from the queue through its talk to its verdict.

    Attributes:
        status: as Cekura shows it.
        judgement: once the talk is over.
    """

    id: int
    result_id: int
    scenario_id: int
    scenario: Scenario
    mode: Mode
    invitation: Invitation
    timing: RunTiming
    fault: RunFault
    make_line: MakeLine | None
    """None: the talk is held without a room, and passes."""
    status: str = "pending"
    final: bool = False
    judgement: Judgement | None = None
    error_message: str = ""
    executed_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _transcript: list[Utterance] = field(default_factory=list)
    _call: asyncio.Task[None] | None = None
    _evaluator: Evaluator | None = None
    _line: RoomChannel | None = None

    async def live(self) -> None:
        """Go through all of it. Cancelled, it leaves the room and ends as cancelled."""
        self._call = asyncio.create_task(self._hold_call())
        try:
            await asyncio.wait({self._call})
            if not self._call.cancelled() and (error := self._call.exception()):
                self._failed(error)
            elif self._evaluator is not None:
                self.judgement = self._judged(self._evaluator)
            elif self._call.cancelled():
                self._finish("cancelled")
            if not self.final:
                self.status = "evaluating"
                await asyncio.sleep(self.fault.scoring or self.timing.scoring)
                self._finish(self.fault.ends or "completed")
        finally:
            self._call.cancel()
            await asyncio.wait({self._call})
            if not self.final:
                self._finish("cancelled")

    def end_call(self) -> None:
        """End the talk now: a queued run is cancelled, one that talks is judged by what was heard so far."""
        if self._call is not None:
            self._call.cancel()

    async def _hold_call(self) -> None:
        self.status = "in_queue"
        await asyncio.sleep(self.fault.queue or self.timing.queue)
        self.status = "running"
        self.executed_at = datetime.now(UTC)
        if self.make_line is None:
            self.judgement = Judgement(True, 100.0, [], "testing-agent-ended-call")
            return
        if self.fault.late:
            await asyncio.sleep(self.fault.late)
        if self.fault.evaluator == "never":
            await self._forever()
            return
        line = self.make_line(self.mode)
        self._transcript, self._line = line.transcript, line
        self._evaluator = evaluator = Evaluator(self.scenario, line)
        try:
            await line.join(self.invitation.url, self.invitation.token)
            if self.invitation.data_message is not None:
                await line.send_data(self.invitation.data_message)
            if self.fault.evaluator == "silent":
                await self._forever()
            elif self.fault.evaluator == "talks":
                await evaluator.talk()
        finally:
            await line.hang_up()

    def _judged(self, evaluator: Evaluator) -> Judgement:
        judgement = evaluator.judgement
        if judgement.success or self._line is None or not self._line.remark:
            return judgement
        return replace(judgement, explanation=[*judgement.explanation, self._line.remark])

    async def _forever(self) -> None:
        """Until the run is ended; with ``ends`` that is now."""
        if not self.fault.ends:
            await asyncio.Event().wait()

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, KitError):
            _log.error("run %d: a fault of the sandbox's own", self.id, exc_info=error)
        known = f"{error}. {error.hint}".removesuffix(". ") if isinstance(error, KitError) else ""
        self.error_message = known or f"internal error: {type(error).__name__}"
        self._finish("failed")

    def _finish(self, status: str) -> None:
        self.status, self.final = status, True
        if self.fault.ends and status == self.fault.ends:
            self.error_message = self.fault.error_message

    @property
    def shown_status(self) -> str:
        """The status that the API shows."""
        return self.fault.status if self.fault.status and not self.final else self.status

    @property
    def success(self) -> bool | None:
        """The verdict, once it is final; null for a run that ended without one."""
        if self.judgement is None or self.status != "completed" or self.fault.unjudged:
            return None
        return self.judgement.success

    def brief(self) -> dict[str, Any]:
        """As it stands in the reply to a start."""
        return {
            "id": self.id,
            "status": self.shown_status,
            "scenario": self.scenario_id,
            "scenario_name": self.scenario.name,
            "test_profile_data": None,
        }

    def as_json(self) -> dict[str, Any]:
        """As it is read."""
        return self.brief() | {
            "success": self.success,
            "error_message": self.error_message,
            "result_id": self.result_id,
            "run_as_text": self.mode is Mode.TEXT,
            "duration": _minutes(max((each.end for each in self._transcript), default=0.0)),
            "executed_at": self.executed_at.isoformat(),
            "expected_outcome": self._expected_outcome(),
            "evaluation": {"metrics": self._metrics()},
            "transcript": "\n".join(
                f"[{_minutes(each.start)}] {_ROLES[each.speaker]}: {each.text}" for each in self._transcript
            ),
            "transcript_object": [
                {
                    "role": _ROLES[each.speaker],
                    "content": each.text,
                    "time": _minutes(each.start),
                    "start_time": round(each.start, 3),
                    "end_time": round(each.end, 3),
                }
                for each in self._transcript
            ],
            "voice_recording_url": None,
            "metadata": {"ended_reason": self.judgement.ended_reason} if self.judgement else {},
            "provider_call_id": None,
        }

    def _expected_outcome(self) -> dict[str, Any]:
        if self.judgement is None or self.success is None:
            return {}
        return {
            "score": self.judgement.score,
            "explanation": self.judgement.explanation,
            "outcome_alignments": [{"outcome": self.scenario.outcome, "aligned": self.judgement.success}],
        }

    def _metrics(self) -> list[dict[str, Any]]:
        if self.judgement is None or self.success is None:
            return []
        return [
            {
                "id": 1,
                "name": "Expected Outcome",
                "type": "binary_workflow_adherence",
                "score": self.judgement.score,
                "explanation": self.judgement.explanation,
            }
        ]


@dataclass(eq=False)
class Result:
    """What one start began."""

    id: int
    agent: int | None
    mode: Mode
    runs: list[Run]
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def status(self) -> str:
        """``completed`` as soon as all are final and some run completed."""
        if not all(run.final for run in self.runs):
            return "in_progress"
        statuses = {run.status for run in self.runs}
        return "completed" if "completed" in statuses or not statuses else sorted(statuses)[0]

    def started(self) -> dict[str, Any]:
        """The reply to the start, ``runs`` an array."""
        return self._common() | {"runs": [run.brief() for run in self.runs]}

    def as_json(self) -> dict[str, Any]:
        """As it is read, ``runs`` an object keyed by run id."""
        completed = [run for run in self.runs if run.status == "completed"]
        passed = sum(run.success is True for run in completed)
        return self._common() | {
            "name": f"Result {self.id}",
            "success_rate": 100.0 * passed / len(completed) if completed else 0.0,
            "total_runs_count": len(self.runs),
            "completed_runs_count": len(completed),
            "success_runs_count": passed,
            "failed_runs_count": len(completed) - passed,
            "runs": {str(run.id): run.as_json() for run in self.runs},
        }

    def _common(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "agent": self.agent,
            "status": self.status,
            "run_as_text": self.mode is Mode.TEXT,
            "created_at": self.created_at.isoformat(),
        }


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
