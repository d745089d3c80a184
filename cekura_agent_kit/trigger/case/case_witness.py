"""Witness of one run, from its way into the room to what it recorded."""

from __future__ import annotations

from collections.abc import Callable

from ...contract import Mode
from ...errors import LiveKitError
from ..context import SuiteContext
from ..plan.planned_run import PlannedRun
from ..progress import Said
from ..rooms.presence import EVALUATOR
from ..rooms.room import Room
from ..rooms.service import participant_token
from ..rooms.witness import IDENTITY, Witness
from .case_record import CaseRecord


class CaseWitness:
    """The witness of one run, if one is free.

    Args:
        context: of the suite.
        planned: the run.
        record: of the run; receives the witness's transcript and times.
        changed: called when a participant joined or left, or the agent set an attribute of ours.
    """

    def __init__(
        self, context: SuiteContext, planned: PlannedRun, record: CaseRecord, changed: Callable[[], None]
    ) -> None:
        self._context, self._planned, self._record, self._changed = context, planned, record, changed
        self._witness: Witness | None = None

    @property
    def participant(self) -> Witness | None:
        """The witness itself; None if none was free, or once it was released."""
        return self._witness

    @property
    def proven(self) -> bool:
        """True once it has seen the proof of text mode."""
        return self._witness is not None and self._witness.proven

    async def send(self, room: Room) -> None:
        """Let a witness join the room, if one is free. Without it the transcript is Cekura's."""
        context = self._context
        if context.witnesses.locked():
            return
        await context.witnesses.acquire()
        self._witness = Witness(
            evaluator=EVALUATOR,
            text=self._planned.mode is Mode.TEXT,
            clock=context.clock,
            on_line=lambda line: context.emit(Said(self._planned.case, line)),
            on_change=self._changed,
            on_reply=self.note_first_reply,
        )
        token = participant_token(context.settings, room=room.name, identity=IDENTITY, ttl=room.lifetime, hidden=True)
        try:
            await self._witness.join(context.settings.room_url, token)
            self._record.seen.watched = True
        except LiveKitError as error:
            self._record.note(f"{error}: the transcript is Cekura's, and reply times are not known")

    def note_first_reply(self) -> None:
        """Record the time of the first reply, once the evaluator has joined and the agent has begun to speak."""
        joined = self._record.seen.timeline.get("evaluator_joined")
        if joined is not None and self._witness:
            for at in self._witness.first_words:
                if at >= joined:
                    self._record.stage("first_reply", at)
                    return

    async def wait_joined(self) -> None:
        """Wait until it has joined, or has failed to."""
        if self._witness is not None:
            await self._witness.wait_joined()

    async def release(self) -> None:
        """Let it leave, free its place for another run, and record what it saw."""
        witness, seen = self._witness, self._record.seen
        if witness is None:
            return
        await witness.leave()
        self._context.witnesses.release()
        self.note_first_reply()
        # A room that is referred to keeps its threads and file descriptors, and a case is kept as long as the suite.
        self._witness = None
        transcript = witness.transcript
        seen.checks = transcript.checks
        seen.failed_check = seen.failed_check or witness.failed_check
        seen.lines = transcript.lines
        seen.latency, seen.full_reply = transcript.latency, transcript.full_reply
