"""One run of a suite: room, witness, agent, start, conversation, verdict. Cleans up whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ...contract import Mode
from ...errors import CekuraError
from ...permit import Permit
from ...verdict import Kind, RunVerdict, SkipReason
from ..cekura.poller import FollowedRun
from ..cekura.ready_run import ReadyRun
from ..cleanup import delete_room
from ..context import SuiteContext
from ..errored import Errored
from ..plan.given_state import note_on_scenario_id
from ..plan.planned_run import PlannedRun
from ..plan.suite_values import seed_of
from ..rooms.conversation import Conversation
from ..rooms.outages import Outages
from ..rooms.presence import EVALUATOR
from ..rooms.room import MARGIN, Room
from ..rooms.service import participant_token
from ..rooms.witness import IDENTITY
from ..stop import Preempted, cancelled, unless
from .breakdowns import breakdowns
from .case_failure import explained
from .case_record import CaseRecord
from .case_witness import CaseWitness
from .judging import verdict_of


class CaseRun:
    """One run, from its room to its verdict.

    Attributes:
        case: its case, ``30#1``.
        seen: what was observed of it so far.
        begun: it has, or had, a room.
    """

    def __init__(self, context: SuiteContext, planned: PlannedRun) -> None:
        self.case = planned.case
        self._record = CaseRecord(planned, context.clock, context.emit)
        self.seen = self._record.seen
        self.begun = False
        self.seen.seed = seed_of(context.seed if planned.seed is None else planned.seed, planned.case)
        self._context, self._planned = context, planned
        self._changed = asyncio.Event()
        self._witness = CaseWitness(context, planned, self._record, self._changed.set)
        self._reading: FollowedRun | None = None
        self._deadline = 0.0
        self._ended = False
        self._began_at = 0.0

    async def run(self) -> RunVerdict:
        """Make the run. Raises nothing but a cancellation that does not come from the suite's stop."""
        try:
            async with self._context.slots.held(self.case):
                if not self._begin():
                    return self._verdict()
                try:
                    async with self._room() as room:
                        await self._prepare(room)
                        await self._converse(room)
                except Errored as error:
                    # Before the slot is free: the next run must not begin if it would fail as well.
                    self._context.breaker.failed(self.case, error)
                    raise
            await self._read_until_final()
        except Exception as error:  # noqa: BLE001 - a fault of one run is its verdict, and no other run's
            self.seen.errored = explained(error, self.seen, reading=self._reading, sandbox_gap=self._sandbox_gap())
            await self._end_run()
            await self._read_once_more()
        except asyncio.CancelledError:
            if (reason := self._context.stop.reason) is None:
                raise
            return self.stopped_by(reason)
        finally:
            self._context.starter.withdraw(self._planned)
        return self._verdict()

    def leave_out(self, reason: SkipReason) -> RunVerdict:
        """Return its verdict if it is skipped."""
        self.seen.skipped = reason
        return self._verdict()

    def stopped_by(self, reason: Errored) -> RunVerdict:
        """Return its verdict when the suite is stopped; also while it still cleans up."""
        kind = reason.kind if self.begun else Kind.NOT_RUN
        self.seen.errored = Errored(kind, str(reason), hint=reason.hint)
        return self._verdict()

    def _begin(self) -> bool:
        """Begin, unless no further run may. Return False if it was left out."""
        stop = self._context.stop
        if stop.closed is not None:
            self.seen.skipped = stop.skip
            if stop.skip is None:
                self.seen.errored = Errored(Kind.NOT_RUN, str(stop.closed), hint=stop.closed.hint)
            return False
        self.begun, self._began_at = True, time.monotonic()
        self._context.starter.expect(self._planned)
        return True

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[Room]:
        """Create a room, with a witness in it if one is free; both are gone afterwards."""
        context = self._context
        room = Room(context.livekit, context.timing, self._planned, context.suite, context.clock)
        self.seen.room = room.name
        context.rooms.add(room)
        try:
            await room.create(context.suite_id)
            self._record.stage("room")
            await self._witness.send(room)
            yield room
        except Exception:
            await self._end_run()
            raise
        finally:
            await self._witness.wait_joined()
            grace = context.stop.grace
            await asyncio.gather(self._witness.release(), delete_room(context, room, within=grace.delete_rooms))

    async def _prepare(self, room: Room) -> None:
        """Wait until the agent is ready for its evaluator, unless the suite's worker or this job's process dies."""
        worker = self._context.worker
        if worker is None:
            await self._dispatch(room)
            return
        try:
            await unless(worker.lost(room.name), self._dispatch(room))
        except Preempted:
            if not worker.died.is_set():
                self.seen.crash = worker.crash_in(room.name)
                raise Errored(Kind.AGENT_MISSING, f"{self.seen.crash} before the agent was ready") from None
            raise Errored(Kind.WORKER_FAILED, str(worker.failure()), hint=worker.failure().hint) from None

    async def _dispatch(self, room: Room) -> None:
        """Dispatch the agent and wait until it is ready."""
        context, planned = self._context, self._planned
        permit = Permit(
            room=room.name,
            mode=planned.mode,
            suite=context.suite.name,
            case=planned.case,
            entry=planned.entry,
            scenario=planned.scenario,
            tools=planned.tools,
            seed=self.seen.seed,
            witness=IDENTITY if self.seen.watched else "",
        )
        metadata = permit.job_metadata(planned.job_keys, key=context.settings.signing_key, ttl=room.lifetime)
        if note := note_on_scenario_id(planned.metadata, planned.scenario):
            self._record.note(note)
        try:
            await room.dispatch_agent(
                context.agent_name, metadata, ours=context.worker is not None, on_wait=self._record.note
            )
        except Errored as error:
            if error.kind is Kind.AGENT_MISSING and context.worker:
                self._record.note(f"the worker's log ends:\n{context.worker.tail()}")
            raise
        finally:
            if room.agent_joined is not None:
                self._record.stage("agent_joined", room.agent_joined)
        self._context.breaker.agent_ready()
        self._record.stage("agent_ready")
        self.seen.signed = room.readiness.signed
        for note in room.readiness.notes:
            self._record.note(note)

    async def _converse(self, room: Room) -> None:
        """Start the run and watch its conversation to the end. The evaluator may join before the POST is answered."""
        context, planned = self._context, self._planned
        room.outages = Outages(context.livekit.refusals)
        ready = ReadyRun(planned, entry=lambda: self._entry(room), check_agent=room.check_agent)
        conversation = Conversation(
            room,
            mode=planned.mode,
            switch=context.suite.text_switch,
            timing=context.timing,
            clock=context.clock,
            on_evaluator=lambda at: self._evaluator_came(at, ready),
            on_evaluator_gone=context.poller.read_soon,
            changed=self._changed,
            agent_died=context.worker.lost(room.name).is_set if context.worker else lambda: False,
        )
        starting = asyncio.create_task(context.starter.start(ready))
        watching: asyncio.Task[None] | None = None
        try:
            await ready.settled()
            self._deadline = asyncio.get_running_loop().time() + planned.timeout
            async with asyncio.timeout_at(self._deadline):
                watching = asyncio.create_task(conversation.watch())
                # What the watching raises waits for the answer, so that the run can be ended.
                started = await starting
                self._record.stage("started")
                if started.identified:
                    self._record.note("the start's answer was lost; this run was found by its evaluator in the room")
                conversation.reading = self._reading = context.poller.follow(started.run_id, conversation.status_read)
                await room.mark_run(started.run_id, context.settings.signing_key)
                await watching
        finally:
            await cancelled(starting, watching)
            if conversation.ended is not None:
                self._record.stage("ended", conversation.ended)
            self.seen.failed_check = self.seen.failed_check or conversation.failed_check
            self._note_breakdowns(conversation)
        self._conclude(conversation)

    def _conclude(self, conversation: Conversation) -> None:
        context = self._context
        context.poller.read_soon()
        proven = conversation.proven or self._witness.proven
        if self._planned.mode is Mode.TEXT and context.suite.text_switch == "wrapper" and not proven:
            self._record.note("text was not proven: the attribute cekura.proof was never seen")
        self.seen.agent_left = conversation.agent_left
        if conversation.agent_lost:
            raise Errored(
                Kind.AGENT_LEFT, "the agent left during the conversation; the evaluator was still in the room"
            )

    def _note_breakdowns(self, conversation: Conversation) -> None:
        """Note what broke under the conversation, whatever the verdict."""
        worker, room = self._context.worker, conversation.room
        if worker is not None:
            self.seen.crash = worker.crash_in(room.name)
        room.outages.count_refusals(self._context.livekit.refusals)
        broken, notes = breakdowns(
            worker=worker,
            outages=room.outages,
            room_lost=conversation.room_lost,
            witness=self._witness.participant,
            gap=self._sandbox_gap(),
        )
        self.seen.breakdown = next(iter(broken), None)
        for note in (*notes, *conversation.notes, *(f"{error.kind}: {error}" for error in broken[1:])):
            self._record.note(note)

    def _sandbox_gap(self) -> str:
        """Return the first request since the run began that the sandbox could not serve; empty if there is none."""
        gaps = (str(gap) for gap in self._context.sandbox_gaps() if gap.at >= self._began_at)
        return next(gaps, "")

    async def _read_until_final(self) -> None:
        assert self._reading is not None, "a run is followed once it was started"
        async with asyncio.timeout_at(self._deadline):
            await self._reading.final.wait()

    async def _end_run(self) -> None:
        """End the run on Cekura, once, if it is not final."""
        started = self._context.starter.started.get(self._planned.case)
        if self._ended or started is None or (self._reading and self._reading.final.is_set()):
            return
        self._ended = True
        try:
            await self._context.cekura.end_run(started.run_id)
        except CekuraError as error:
            self._record.note(f"run {started.run_id} could not be ended: {error}")

    async def _read_once_more(self) -> None:
        """Wait for a verdict on a run that was ended: Cekura's own verdict wins."""
        if self._reading is not None:
            self._context.poller.read_soon()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._context.timing.after_end):
                    await self._reading.final.wait()

    def _verdict(self) -> RunVerdict:
        seen = self.seen
        if started := self._context.starter.started.get(self._planned.case):
            seen.run_id, seen.result_id = started.run_id, started.result_id
        if self._reading is not None:
            seen.run = self._reading.latest
            self._context.poller.unfollow(self._reading.run_id)
        seen.url = self._context.settings.result_url(seen.result_id)
        self._record.stage("verdict")
        return verdict_of(seen)

    def _entry(self, room: Room) -> dict[str, Any]:
        """Return the run's element of the POST, with a token minted now."""
        settings, planned = self._context.settings, self._planned
        # A queued run may join minutes later: the token lasts as long as the run may.
        token = participant_token(settings, room=room.name, identity=EVALUATOR, ttl=planned.timeout + MARGIN)
        entry = {"scenario": planned.scenario, "livekit_room_url": settings.room_url, "access_token": token}
        if planned.publish_data_message is not None:
            return entry | {"publish_data_message": dict(planned.publish_data_message)}
        return entry

    def _evaluator_came(self, at: float, ready: ReadyRun) -> None:
        self._record.stage("evaluator_joined", at)
        ready.evaluator_came.set()
        self._witness.note_first_reply()
