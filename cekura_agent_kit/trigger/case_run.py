"""One run of a suite: room, witness, agent, start, conversation, verdict. Cleans up whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from ..contract import JobMetadata, Mode, witness_permit
from ..errors import CekuraError, KitError, LiveKitError
from ..verdict import Kind, RunVerdict
from .cekura.poller import FollowedRun
from .cekura.starter import ReadyRun, StartedRun
from .context import SuiteContext
from .judging import Errored, Observed, verdict_of
from .progress import Noted, Said, Stage, StageName
from .rooms.conversation import Conversation
from .rooms.presence import EVALUATOR
from .rooms.room import MARGIN, Room
from .rooms.service import participant_token
from .rooms.witness import IDENTITY, Witness
from .suite import PlannedRun

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class CaseRun:
    """One run, from its room to its verdict.

    Attributes:
        seen: what was seen of it so far.
        begun: it holds, or held, a room.
    """

    def __init__(self, context: SuiteContext, planned: PlannedRun) -> None:
        self.seen = Observed(planned)
        self.begun = False
        self._context, self._planned = context, planned
        self._changed = asyncio.Event()
        self._witness: Witness | None = None
        self._reading: FollowedRun | None = None
        self._deadline = 0.0
        self._hung_up = False

    async def run(self) -> RunVerdict:
        """Hold it. Raises nothing but a cancellation that is not the suite's own."""
        try:
            async with self._context.slots:
                self._begin()
                async with self._a_room() as room:
                    await self._unless_the_worker_fails(self._prepare(room))
                    await self._hold_talk(room)
            await self._read_to_the_end()
        except Exception as error:  # noqa: BLE001 - one run's fault is that run's verdict, and no other's
            self.seen.errored = self._explain(error)
            await self._hang_up()
            await self._last_read()
        except asyncio.CancelledError:
            stopping = self._context.stopping
            if stopping is None:
                raise
            return self.given_up(stopping)
        finally:
            self._context.starter.withdraw(self._planned)
        return self._verdict()

    def given_up(self, why: Errored) -> RunVerdict:
        """What it comes to when the suite is stopped; also while it still cleans up behind itself."""
        kind = why.kind if self.begun else Kind.NOT_RUN
        self.seen.errored = Errored(kind, str(why), hint=why.hint)
        return self._verdict()

    def _begin(self) -> None:
        if closed := self._context.closed:
            raise Errored(Kind.NOT_RUN, str(closed), hint=closed.hint)
        self.begun = True
        self._context.starter.expect(self._planned)

    @asynccontextmanager
    async def _a_room(self) -> AsyncIterator[Room]:
        """A room, and in it a witness where one is free; both gone afterwards."""
        context = self._context
        room = Room(context.livekit, context.timing, self._planned, context.suite, context.clock)
        self.seen.room = room.name
        # Before it is made: also where the answer is lost, it may stand.
        context.rooms[room.name] = room
        context.made.append(room.name)
        try:
            await room.create(context.suite_id)
            self._stage("room")
            if context.witnesses > 0:
                context.witnesses -= 1
                await self._send_witness(room)
            yield room
        except Exception:
            await self._hang_up()
            raise
        finally:
            if self._witness is not None:
                await self._witness.wait_joined()
            await asyncio.gather(self._let_witness_go(), self._delete(room))

    async def _send_witness(self, room: Room) -> None:
        context = self._context
        self._witness = Witness(
            evaluator=EVALUATOR,
            text=self._planned.mode is Mode.TEXT,
            clock=context.clock,
            on_line=lambda line: context.emit(Said(self._planned.case, line)),
            on_change=self._on_change,
        )
        token = participant_token(context.settings, room=room.name, identity=IDENTITY, ttl=room.lifetime, hidden=True)
        try:
            await self._witness.join(context.settings.room_url, token)
            self.seen.watched = True
        except LiveKitError as error:
            self._note(f"{error}: the transcript is Cekura's, and there are no latencies")

    async def _prepare(self, room: Room) -> None:
        """Until the agent is ready for its evaluator."""
        context, planned = self._context, self._planned
        permit = ""
        if self.seen.watched:
            permit = witness_permit(
                api_key=context.settings.livekit_api_key.get_secret_value(),
                api_secret=context.settings.livekit_api_secret.get_secret_value(),
                room=room.name,
                identity=IDENTITY,
                ttl=room.lifetime,
            )
        metadata = JobMetadata(
            mode=planned.mode,
            scenario=planned.scenario,
            suite=context.suite.name,
            case=planned.case,
            witness=permit,
            own=planned.metadata,
        ).to_json()
        try:
            await room.dispatch_agent(context.agent_name, metadata, ours=context.worker is not None)
        except Errored as error:
            if error.kind is Kind.AGENT_MISSING and context.worker:
                self._note(f"the worker's log ({context.worker.log_path}) ends:\n{context.worker.tail()}")
            raise
        finally:
            self._stage("agent_joined", room.agent_joined)
        self._stage("agent_ready")
        if room.note:
            self._note(room.note)

    async def _hold_talk(self, room: Room) -> None:
        """From the POST to the evaluator's leave. The evaluator may come before the POST's answer does."""
        context, planned = self._context, self._planned
        ready = ReadyRun(planned, entry=lambda: self._entry(room), check_agent=room.check_agent)
        conversation = Conversation(
            room,
            mode=planned.mode,
            switch=context.suite.text_switch,
            timing=context.timing,
            clock=context.clock,
            on_evaluator=lambda at: self._evaluator_came(at, ready),
            changed=self._changed,
        )
        starting = asyncio.create_task(context.starter.start(ready))
        sent = asyncio.create_task(ready.sent.wait())
        watching: asyncio.Task[None] | None = None
        try:
            await asyncio.wait([starting, sent], return_when=asyncio.FIRST_COMPLETED)
            self._deadline = asyncio.get_running_loop().time() + planned.timeout
            async with asyncio.timeout_at(self._deadline):
                watching = asyncio.create_task(conversation.watch())
                started = await self._first_of(starting, watching)
                self._stage("started")
                if started.identified:
                    self._note("the start's answer was lost; this run was found by its evaluator in the room")
                conversation.reading = self._reading = context.poller.follow(started.run_id, self._changed.set)
                await watching
        finally:
            for task in (starting, sent, watching):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
            self._stage("ended", conversation.ended)
        self._after(conversation)

    async def _first_of(self, starting: asyncio.Task[StartedRun], watching: asyncio.Task[None]) -> StartedRun:
        """The started run; what the watching raises meanwhile waits for it, so that the run can be ended."""
        await asyncio.wait([starting, watching], return_when=asyncio.FIRST_COMPLETED)
        return await starting

    def _after(self, conversation: Conversation) -> None:
        context = self._context
        context.poller.read_soon()
        proven = conversation.proven or (self._witness is not None and self._witness.proven)
        if self._planned.mode is Mode.TEXT and context.suite.text_switch == "wrapper" and not proven:
            self._note("text was not proven: the agent never said that it found no speech model")
        self.seen.agent_left = conversation.agent_left
        if conversation.agent_lost:
            if context.worker is not None and context.worker.died.is_set():
                raise Errored(Kind.WORKER_FAILED, str(context.worker.failure()), hint=context.worker.failure().hint)
            raise Errored(Kind.AGENT_LEFT, "the agent left in mid-run, and the evaluator was still there")

    async def _read_to_the_end(self) -> None:
        assert self._reading is not None, "a run is read before it was started"
        async with asyncio.timeout_at(self._deadline):
            await self._reading.final.wait()

    async def _hang_up(self) -> None:
        """End the run on Cekura, once, where it goes on."""
        started = self._context.starter.started.get(self._planned.case)
        if self._hung_up or started is None or (self._reading and self._reading.final.is_set()):
            return
        self._hung_up = True
        try:
            await self._context.cekura.end_run(started.run_id)
        except CekuraError as error:
            self._note(f"run {started.run_id} could not be ended: {error}")

    async def _last_read(self) -> None:
        """A run that was ended may still be judged: Cekura's own verdict wins."""
        if self._reading is not None:
            self._context.poller.read_soon()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reading.final.wait(), self._context.timing.after_end)

    def _explain(self, error: Exception) -> Errored:
        if isinstance(error, Errored):
            return error
        if isinstance(error, TimeoutError):
            return self._timed_out()
        if isinstance(error, KitError):
            return Errored(Kind.API_UNREACHABLE, str(error), hint=error.hint)
        _log.error("run %s failed", self._planned.case, exc_info=error)
        return Errored(
            Kind.INTERNAL,
            f"a fault of cekura-kit's own: {type(error).__name__}: {error}",
            hint="run again with CEKURA_KIT_DEBUG=1 for the traceback, and report it",
        )

    def _timed_out(self) -> Errored:
        waited = f"within {self._planned.timeout:g} s"
        reading = self._reading
        if reading is not None and reading.error is not None:
            return Errored(
                Kind.API_UNREACHABLE,
                f"the verdict could not be read {waited}: {reading.error}",
                hint=reading.error.hint,
            )
        status = reading.latest.status if reading and reading.latest else "not known"
        if not self.seen.evaluator_came:
            return Errored(
                Kind.EVALUATOR_MISSING,
                f"Cekura's evaluator did not join the room {waited}; the run is {status}",
                hint="many runs at once are queued: raise `timeout`, or lower `concurrency`; and check that "
                "LIVEKIT_URL can be reached from outside",
            )
        return Errored(Kind.TIMEOUT, f"no verdict {waited}; the run is {status}")

    def _verdict(self) -> RunVerdict:
        seen = self.seen
        if started := self._context.starter.started.get(self._planned.case):
            seen.run_id, seen.result_id = started.run_id, started.result_id
        if self._reading is not None:
            seen.run = self._reading.latest
            self._context.poller.unfollow(self._reading.run_id)
        seen.url = self._context.settings.result_url(seen.result_id)
        self._stage("verdict")
        return verdict_of(seen)

    async def _unless_the_worker_fails(self, preparing: Coroutine[Any, Any, None]) -> None:
        worker = self._context.worker
        if worker is None:
            await preparing
            return
        task = asyncio.create_task(preparing)
        died = asyncio.create_task(worker.died.wait())
        try:
            await asyncio.wait([task, died], return_when=asyncio.FIRST_COMPLETED)
            if died.done() and not task.done():
                raise Errored(Kind.WORKER_FAILED, str(worker.failure()), hint=worker.failure().hint)
            await task
        finally:
            for each in (task, died):
                each.cancel()
                await asyncio.gather(each, return_exceptions=True)

    def _entry(self, room: Room) -> dict[str, Any]:
        """The run's element of the POST, with a token minted just then."""
        settings, planned = self._context.settings, self._planned
        # A queued run may join minutes later: the token lasts as long as the run may.
        token = participant_token(settings, room=room.name, identity=EVALUATOR, ttl=planned.timeout + MARGIN)
        entry = {"scenario": planned.scenario, "livekit_room_url": settings.room_url, "access_token": token}
        if planned.publish_data_message is not None:
            return entry | {"publish_data_message": dict(planned.publish_data_message)}
        return entry

    def _evaluator_came(self, at: float, ready: ReadyRun) -> None:
        self._stage("evaluator_joined", at)
        ready.evaluator_came.set()
        self._on_change()

    def _on_change(self) -> None:
        """Somebody came, went, changed or spoke."""
        self._changed.set()
        joined = self.seen.timeline.get("evaluator_joined")
        if joined is not None and self._witness and "first_reply" not in self.seen.timeline:
            self._stage("first_reply", next((at for at in self._witness.first_words if at >= joined), None))

    async def _let_witness_go(self) -> None:
        if self._witness is None:
            return
        await self._witness.leave()
        self._context.witnesses += 1
        self._on_change()
        transcript = self._witness.transcript
        self.seen.lines = transcript.lines
        self.seen.latency, self.seen.full_reply = transcript.latency, transcript.full_reply

    async def _delete(self, room: Room) -> None:
        if await room.delete(within=self._context.cleanup):
            self._context.rooms.pop(room.name, None)

    def _stage(self, stage: StageName, at: float | None = -1.0) -> None:
        """The run reached a stage: now, at a time, or with None not."""
        if at is None or stage in self.seen.timeline:
            return
        self.seen.timeline[stage] = self._context.clock() if at == -1.0 else at
        self._context.emit(Stage(self._planned.case, stage, round(self.seen.timeline[stage], 3)))

    def _note(self, text: str) -> None:
        self.seen.notes.append(text)
        self._context.emit(Noted(self._planned.case, text))
