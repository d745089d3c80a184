"""A suite, from its plan to its verdict: checked, its worker started, its runs held, everything cleaned up."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from ..errors import CekuraError, CekuraRefused, KitError, LiveKitError, SuiteError, WorkerError
from ..verdict import Kind, Outcome, PoolId, Result, RunVerdict, SuiteVerdict
from .case_run import CaseRun
from .cekura.client import Cekura
from .cekura.poller import Poller
from .cekura.starter import Starter
from .context import CLEANUP, SuiteContext
from .judging import Errored, Observed, verdict_of
from .progress import Ended, Event, Finished, OnEvent, Planned, PlannedCase
from .redaction import Redaction, redacted, redacted_logs
from .rooms.budget import Budget
from .rooms.service import LiveKit, retried
from .settings import Settings
from .suite import PlannedRun, Suite
from .timing import Clock, Timing
from .worker import Worker

R = TypeVar("R")

ANSWER: Final = 1.5
"""Seconds, once the suite is stopped, for the answer of a POST under way: without it its runs cannot be ended."""
LATE_ANSWER: Final = 35.0
"""The same where the suite is not stopped: the longest that a POST waits for its answer."""
GOODBYE: Final = 1.2
"""Seconds for ending the runs, and as many for deleting the rooms."""
WORKER_GOODBYE: Final = 1.0
"""Seconds for the worker. All of it stays below the 6 s in which a CI system's first signal must be obeyed."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


async def run_suite(suite: Suite, *, settings: Settings | None = None, on_event: OnEvent | None = None) -> SuiteVerdict:
    """Run a suite.

    Args:
        suite: of `Suite.load`, or made in Python.
        settings: keys and addresses; from the environment where they are not given.
        on_event: told what happens, in the event loop; see `trigger.progress`.

    Returns:
        The verdict. Runs that could not be judged, a worker that did not start and services that did not answer are
        in it, each with its kind and hint.

    Raises:
        SuiteError: the suite cannot be run as it stands.
        SettingsError: keys or addresses are missing or unusable.
        asyncio.CancelledError: as usual; after everything was cleaned up.
    """
    return await SuiteRun(suite, settings=settings, on_event=on_event).run()


class SuiteRun:
    """One suite being run, which can be stopped.

    Args:
        suite: what is run.
        settings: keys and addresses; from the environment where they are not given.
        on_event: told what happens.
        plan: the runs to make; all of the suite's where it is not given.
        fail_fast: begin no further run once one has not passed.
        environment: the worker's variables; those of this process where it is not given.
        timing: how often what is asked; fit for the services where it is not given.
        suite_id: marks this run's rooms and report; random where it is not given.
    """

    def __init__(
        self,
        suite: Suite,
        *,
        settings: Settings | None = None,
        on_event: OnEvent | None = None,
        plan: Sequence[PlannedRun] | None = None,
        fail_fast: bool = False,
        environment: Mapping[str, str] | None = None,
        timing: Timing | None = None,
        suite_id: str | None = None,
    ) -> None:
        suite.check()
        self._suite = suite
        self._plan = list(suite.plan() if plan is None else plan)
        if not self._plan:
            raise SuiteError(
                "the plan has no run", hint="a shard may be empty where there are more shards than scenarios"
            )
        self._settings = settings or Settings.from_environment(suite.folder)
        self._settings.check()
        self._on_event, self._fail_fast = on_event, fail_fast
        self._environment = dict(os.environ if environment is None else environment) | self._settings.environment
        self._timing = timing or Timing.of(self._settings)
        self._redaction = Redaction(self._settings.secrets)
        self._clock = Clock()
        self._suite_id = suite_id or secrets.token_hex(4)
        self._verdicts: dict[str, RunVerdict] = {}
        self._stopped = asyncio.Event()
        self._stop: Errored | None = None
        self._worker: Worker | None = None

    def stop(self, reason: str = "stopped") -> None:
        """Give up, once: end the runs on Cekura, delete the rooms, stop the worker, and come to a verdict, in 6 s."""
        self._give_up(Errored(Kind.CANCELLED, reason, hint="run it again"))

    async def run(self) -> SuiteVerdict:
        """Run it. Called once; raises as `run_suite`."""
        self._emit(Planned(tuple(PlannedCase(run.case, run.scenario, run.mode) for run in self._plan)))
        failure: Errored | None = None
        results: list[Result] = []
        rooms_left: list[str] = []
        with redacted_logs(self._redaction):
            try:
                async with AsyncExitStack() as stack:
                    context = await self._build(stack)
                    try:
                        await self._unless_stopped(self._check_services(context))
                        await self._unless_stopped(self._start_worker(context, stack))
                        await self._hold_all([CaseRun(context, planned) for planned in self._plan], context)
                    finally:
                        await self._clean_up(context)
                        results, rooms_left = context.starter.results, list(context.rooms)
            except Errored as error:
                failure = error
        verdict = self._redacted(self._verdict(failure, results, rooms_left))
        self._emit(Ended(verdict))
        return verdict

    async def _build(self, stack: AsyncExitStack) -> SuiteContext:
        """The clients that all runs share."""
        settings, timing = self._settings, self._timing
        livekit = await stack.enter_async_context(LiveKit(settings, Budget(timing.livekit_requests)))
        cekura = await stack.enter_async_context(Cekura(settings))
        poller = await stack.enter_async_context(Poller(cekura, timing))
        return SuiteContext(
            suite=self._suite,
            suite_id=self._suite_id,
            settings=settings,
            timing=timing,
            livekit=livekit,
            cekura=cekura,
            starter=Starter(cekura, timing, agent=self._suite.agent, result_url=settings.result_url),
            poller=poller,
            emit=self._emit,
            clock=self._clock,
            slots=asyncio.Semaphore(self._suite.concurrency),
            witnesses=self._suite.witnesses,
            agent_name=self._suite.agent_name or "",
        )

    async def _check_services(self, context: SuiteContext) -> None:
        """Both answer and take the keys, before anything is made or paid for."""
        try:
            await asyncio.gather(context.livekit.rooms(["cekura-kit"]), context.cekura.latest_runs(1))
        except CekuraRefused as error:
            if error.status not in (401, 403):
                _log.info("the listing of runs was refused: %s", error)
                return
            raise Errored(Kind.START_REFUSED, str(error), hint=error.hint) from None
        except KitError as error:
            raise Errored(Kind.API_UNREACHABLE, str(error), hint=error.hint) from None

    async def _start_worker(self, context: SuiteContext, stack: AsyncExitStack) -> None:
        """The suite's own worker, where it names one, under a name that no other worker has."""
        if self._suite.worker is None:
            return
        worker = self._worker = Worker(
            self._suite.worker,
            folder=self._suite.folder,
            environment=self._environment,
            agent_name=self._suite.agent_name or "",
            redaction=self._redaction,
        )
        try:
            context.worker = await stack.enter_async_context(worker)
        except WorkerError as error:
            raise Errored(Kind.WORKER_FAILED, str(error), hint=error.hint) from None
        context.agent_name = worker.agent_name

    async def _hold_all(self, case_runs: list[CaseRun], context: SuiteContext) -> None:
        """All runs, as many at once as there are slots, until they are over or the suite is stopped."""
        # With fail-fast the next begins when the verdict of the one before is known, not when its room is free.
        gate = asyncio.Semaphore(self._suite.concurrency) if self._fail_fast else nullcontext()
        runs = {asyncio.create_task(self._hold(case_run, context, gate)): case_run for case_run in case_runs}
        stopped = asyncio.create_task(self._stopped.wait())
        timer = None
        if self._suite.suite_timeout is not None:
            error = Errored(
                Kind.TIMEOUT,
                f"the suite took longer than {self._suite.suite_timeout:g} s",
                hint="raise `suite_timeout`",
            )
            timer = asyncio.get_running_loop().call_later(self._suite.suite_timeout, self._give_up, error)
        open_runs = set(runs)
        try:
            while open_runs and self._stop is None:
                done, _ = await asyncio.wait({*open_runs, stopped}, return_when=asyncio.FIRST_COMPLETED)
                finished = {task for task in open_runs if task in done}
                for task in finished:
                    self._finish(task.result())
                open_runs -= finished
        except asyncio.CancelledError:
            self._give_up(Errored(Kind.CANCELLED, "cancelled", hint="run it again"))
            raise
        finally:
            stopped.cancel()
            if timer:
                timer.cancel()
            if self._stop is not None:
                await self._abort(open_runs, context, self._stop)
                for task in open_runs:
                    over = task.done() and not task.cancelled()
                    self._finish(task.result() if over else runs[task].given_up(self._stop))
        if self._stop is not None:
            raise self._stop

    async def _hold(
        self, case_run: CaseRun, context: SuiteContext, gate: AbstractAsyncContextManager[None]
    ) -> RunVerdict:
        async with gate:
            verdict = await case_run.run()
            if self._fail_fast and verdict.outcome is not Outcome.PASSED and context.closed is None:
                context.closed = Errored(
                    Kind.NOT_RUN, f"not run: {verdict.case} {verdict.outcome}, and --fail-fast", hint="run without it"
                )
        return verdict

    def _finish(self, verdict: RunVerdict) -> None:
        self._verdicts[verdict.case] = verdict
        self._emit(Finished(verdict.case, verdict))

    async def _abort(self, open_runs: set[asyncio.Task[RunVerdict]], context: SuiteContext, why: Errored) -> None:
        """End the runs first, since they cost money; then the case_runs are cancelled, and delete their rooms."""
        context.closed = context.stopping = why
        context.cleanup = GOODBYE
        context.livekit.budget.open_up()
        await context.starter.close(within=ANSWER)
        endings = [
            asyncio.create_task(_end(context.cekura, started.run_id))
            for case, started in context.starter.started.items()
            if case not in self._verdicts
        ]
        if endings:
            await asyncio.wait(endings, timeout=GOODBYE)
        for task in (*open_runs, *endings):
            task.cancel()
        if open_runs:
            await asyncio.wait(open_runs, timeout=2 * GOODBYE)

    async def _clean_up(self, context: SuiteContext) -> None:
        """What the runs could not delete themselves, and rooms that an evaluator's late join has made again."""
        if self._stop is None:
            await context.starter.close(within=LATE_ANSWER)
            await self._end_unknown(context)
        await context.starter.cancel()
        within = GOODBYE if self._stop else CLEANUP
        left = [room for room in context.rooms.values() if room]
        for room, gone in zip(left, await asyncio.gather(*(room.delete(within=within) for room in left)), strict=True):
            if gone:
                context.rooms.pop(room.name, None)
        if context.made and not left:
            await self._delete_again(context, within)
        if self._worker is not None and self._stop is not None:
            self._worker.stop_within = WORKER_GOODBYE

    async def _end_unknown(self, context: SuiteContext) -> None:
        """End what a POST started whose answer came after its run had been given up."""
        ended = {verdict.run_id for verdict in self._verdicts.values()}
        unknown = [each.run_id for each in context.starter.started.values() if each.run_id not in ended]
        await asyncio.gather(*(_end(context.cekura, run_id) for run_id in unknown))

    async def _delete_again(self, context: SuiteContext, within: float) -> None:
        """An evaluator that comes late makes its room again: its token allows that, and nobody else is there."""
        try:
            for listed in await asyncio.wait_for(context.livekit.rooms(context.made), within):
                if await retried(partial(context.livekit.delete_room, listed.name), within=within) is not None:
                    context.rooms[listed.name] = None
        except (LiveKitError, TimeoutError) as error:
            _log.info("whether rooms were made again is not known: %s", type(error).__name__)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        task, stopped = asyncio.create_task(work), asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
            if self._stop is not None:
                if self._worker is not None:
                    self._worker.stop_within = WORKER_GOODBYE
                raise self._stop
            await task
        finally:
            for each in (task, stopped):
                each.cancel()
            await asyncio.gather(task, stopped, return_exceptions=True)

    def _give_up(self, why: Errored) -> None:
        if self._stop is None:
            self._stop = why
            self._stopped.set()

    def _verdict(self, failure: Errored | None, results: list[Result], rooms_left: list[str]) -> SuiteVerdict:
        runs = [self._verdicts.get(planned.case) or self._not_run(planned, failure) for planned in self._plan]
        rates = self._suite.pass_rates()
        return SuiteVerdict.of(
            runs,
            suite=self._suite.name,
            suite_id=self._suite_id,
            started_at=datetime.fromtimestamp(self._clock.started_at, UTC).isoformat(timespec="milliseconds"),
            duration_s=self._clock(),
            results=results,
            pass_rates={PoolId.of(run): rates.get(run.scenario, 1.0) for run in runs},
            kind=failure.kind if failure else None,
            hint=failure.hint if failure else "",
            rooms_left=rooms_left,
        )

    def _not_run(self, planned: PlannedRun, failure: Errored | None) -> RunVerdict:
        """A run that came to no verdict of its own: the suite's failure is its."""
        seen = Observed(planned)
        seen.errored = failure or Errored(Kind.INTERNAL, "it came to no verdict")
        if failure is not None and failure.kind in (Kind.CANCELLED, Kind.TIMEOUT):
            seen.errored = Errored(Kind.NOT_RUN, f"not run: {failure}", hint=failure.hint)
        return verdict_of(seen)

    def _emit(self, event: Event) -> None:
        """Told without secrets; a listener that fails hurts no run."""
        if self._on_event is None:
            return
        try:
            self._on_event(self._redacted(event))
        except Exception:  # noqa: BLE001 - it is the caller's, and may raise what it likes
            _log.exception("on_event failed on %s", type(event).__name__)

    def _redacted(self, event: R) -> R:
        return redacted(event, self._redaction)


async def _end(cekura: Cekura, run_id: int) -> None:
    try:
        await cekura.end_run(run_id)
    except CekuraError as error:
        _log.warning("run %d could not be ended: %s", run_id, error)
