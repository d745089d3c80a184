"""Runs and results of the stand-in: their life from the queue to the verdict."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from ...contract import Mode
from ...errors import KitError
from ..channels.channel import Utterance
from ..channels.room import RoomChannel
from .evaluator import Evaluator
from .faults import RunFault
from .judgement import Conversation, Judgement
from .line_use import LineUse
from .scenarios import Scenario
from .verdict_parts import Scores, Statement, VerdictParts

_log: Final = logging.getLogger("cekura_agent_kit.sandbox")

MakeChannel = Callable[[Mode], RoomChannel]
Converse = Callable[[Scenario, RoomChannel], Conversation]


@dataclass(frozen=True, kw_only=True)
class RunTiming:
    """Seconds that a run stays in each status. Hosted runs queue, and are scored, for seconds to minutes."""

    queue: float = 0.05
    scoring: float = 0.1


@dataclass(frozen=True)
class Invitation:
    """A start's data for one run.

    Attributes:
        url, token: of the LiveKit room.
        data_message: ``publish_data_message``.
    """

    url: str
    token: str = field(repr=False)
    data_message: Mapping[str, Any] | None = None


@dataclass(eq=False)
class SandboxRun:
    """One run of the stand-in.

    Attributes:
        make_channel: makes the evaluator's channel. None: no room is joined, and the conversation succeeds.
        converse: makes the conversation over a channel.
        status: Cekura's word, without faults.
        final: the status will not change any more.
        judgement: of the conversation; None until it is over.
        error_message: why the run failed.
        executed_at: when the conversation began.
        transcript: all utterances so far.
        line_use: the lines of the scenario that were of use; None without a conversation.
    """

    id: int
    result_id: int
    scenario_id: int
    scenario: Scenario
    mode: Mode
    invitation: Invitation
    timing: RunTiming
    fault: RunFault
    make_channel: MakeChannel | None
    converse: Converse = Evaluator
    status: str = "pending"
    final: bool = False
    judgement: Judgement | None = None
    error_message: str = ""
    executed_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    transcript: list[Utterance] = field(default_factory=list)
    line_use: LineUse | None = None
    _ended_at: float = 0.0
    _call: asyncio.Task[None] | None = None
    _evaluator: Conversation | None = None
    _channel: RoomChannel | None = None

    async def run(self) -> None:
        """Run from the queue to the verdict. When cancelled, leave the room and end as cancelled."""
        self._call = asyncio.create_task(self._hold_call())
        try:
            await asyncio.wait({self._call})
            if not self._call.cancelled() and (error := self._call.exception()):
                self._fail(error)
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
            # A room that is referred to keeps its threads and file descriptors, and the service keeps its runs.
            self._evaluator = self._channel = None
            if not self.final:
                self._finish("cancelled")

    def end_call(self) -> None:
        """End the call now. A queued run is cancelled; a conversation is judged by what was heard so far."""
        if self._call is not None:
            self._call.cancel()

    async def _hold_call(self) -> None:
        self.status = "in_queue"
        await asyncio.sleep(self.fault.queue or self.timing.queue)
        self.status = "running"
        self.executed_at = datetime.now(UTC)
        if self.make_channel is None:
            self.judgement = Judgement(True, 100.0, [], "testing-agent-ended-call")
            return
        if self.fault.late:
            await asyncio.sleep(self.fault.late)
        if self.fault.evaluator == "never":
            await self._wait_until_ended()
            return
        channel = self.make_channel(self.mode)
        self.transcript, self._channel = channel.transcript, channel
        self._evaluator = evaluator = self.converse(self.scenario, channel)
        self.line_use = evaluator.line_use
        try:
            await channel.join(self.invitation.url, self.invitation.token)
            if self.invitation.data_message is not None:
                await channel.send_data(self.invitation.data_message)
            if self.fault.evaluator == "silent":
                await self._wait_until_ended()
            elif self.fault.evaluator == "talks":
                await evaluator.run()
        finally:
            await channel.hang_up()

    def _judged(self, evaluator: Conversation) -> Judgement:
        judgement = evaluator.judgement
        if judgement.success or self._channel is None or not self._channel.diagnosis:
            return judgement
        return replace(judgement, explanation=[*judgement.explanation, self._channel.diagnosis])

    async def _wait_until_ended(self) -> None:
        """Wait until `end_call`. With the fault ``ends``, return at once."""
        if not self.fault.ends:
            await asyncio.Event().wait()

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, KitError):
            _log.error("run %d: internal error of the sandbox", self.id, exc_info=error)
        known = f"{error}. {error.hint}".removesuffix(". ") if isinstance(error, KitError) else ""
        self.error_message = known or f"internal error: {type(error).__name__}"
        self._finish("failed")

    def _finish(self, status: str) -> None:
        self.status, self.final = status, True
        self._ended_at = time.monotonic()
        if self.fault.ends and status == self.fault.ends:
            self.error_message = self.fault.error_message

    @property
    def parts(self) -> VerdictParts:
        """Parts of the verdict: the scenario's, changed by the run's faults."""
        return self.scenario.verdict.changed_by(self.fault.verdict)

    @property
    def shown_status(self) -> str:
        """The status in answers."""
        return self.fault.status if self.fault.status and not self.final else self.status

    @property
    def scores(self) -> Scores | None:
        """The scores; None for a run that is not scored, or not yet."""
        if self.judgement is None or self.status != "completed" or self.fault.unjudged:
            return None
        if time.monotonic() - self._ended_at < (self.parts.success_after or 0.0):
            return None
        return Scores(
            self.parts,
            talk_succeeded=self.judgement.success,
            agent_came=self.judgement.ended_reason != "main-agent-did-not-answer",
            explanation=self.judgement.explanation,
            statements=self._statements(self.judgement),
        )

    def _statements(self, judgement: Judgement) -> tuple[Statement, ...]:
        """Return the statements of the outcome; those that no model judged follow the conversation."""
        judged = tuple(
            Statement(outcome=each.text, aligned=each.aligned, explanation=each.reason) for each in judgement.statements
        )
        return judged or tuple(Statement(outcome=each) for each in self.scenario.statements)

    @property
    def success(self) -> bool | None:
        """The verdict; None without one."""
        return self.scores.success if self.scores else None


@dataclass(eq=False)
class Result:
    """The result of one start: its runs."""

    id: int
    agent: int
    mode: Mode
    runs: list[SandboxRun]
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def status(self) -> str:
        """``in_progress`` until all runs are final; then ``completed`` if any run completed."""
        if not all(run.final for run in self.runs):
            return "in_progress"
        statuses = {run.status for run in self.runs}
        return "completed" if "completed" in statuses or not statuses else sorted(statuses)[0]
