"""A suite, from its plan to its verdict: services checked, worker started, runs made, everything cleaned up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from ..errors import SuiteError, WorkerError
from ..verdict import Kind, Result, RunVerdict, Shard, SuiteVerdict
from .case.case_runs import CaseRuns
from .cekura.client import Cekura
from .cekura.poller import Poller
from .cekura.starter import Starter
from .context import SandboxGap, SuiteContext
from .doctor.profiles import with_profiles
from .errored import Errored
from .estimate import check_credits, estimate_of, low_balance
from .left_out import left_out
from .not_run import run_left_out, run_not_begun
from .plan.planned_run import PlannedRun
from .plan.suite import Suite
from .preflight import check_plan, check_services
from .progress import Ended, Event, Finished, Noted, OnEvent, Planned, PlannedCase, Preparing, Started
from .rooms.budget import Budget
from .rooms.service import LiveKit
from .settings.redaction import Redaction, redacted, redacted_logs
from .settings.settings import Settings
from .slots import Slots, limit_of
from .stop import Breaker, Stop
from .timing import Clock, Timing
from .worker.kept_logs import keep_logs
from .worker.worker import Worker

R = TypeVar("R")

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class SuiteRun:
    """A suite that is being run, and can be stopped.

    Args:
        suite: the suite.
        settings: keys and addresses; default: from the environment.
        on_event: called with each event of `trigger.progress`.
        plan: the runs to make; default: all of the suite's.
        fail_fast: begin no further run once one has not passed.
        environment: variables of the suite's worker; default: those of this process.
        timing: intervals and limits; default: by where the services run.
        suite_id: marks the rooms and the report; default: random.
        sandbox_gaps: returns what the sandbox could not serve so far; default: nothing.
        shard: index and number of shards, if the plan is one of them.
        notes: on the plan, for the report.
        narrowed: options that left the plan a part of the suite's; empty if it is all of it.
        retries: id of the report whose cases the plan runs again; empty if it is none's.
        tries: conversations held in memory before; runs of scenarios that failed in them are not started.
        log_folder: receives the worker's log if something did not pass; default: a new folder among the system's
            temporary files. Logs of an earlier run in it are deleted.
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
        sandbox_gaps: Callable[[], Sequence[SandboxGap]] = tuple,
        shard: Shard | None = None,
        notes: Sequence[str] = (),
        narrowed: str = "",
        retries: str = "",
        tries: Sequence[RunVerdict] = (),
        log_folder: Path | None = None,
    ) -> None:
        suite.check()
        self._suite = suite
        whole = list(suite.plan() if plan is None else plan)
        if not whole:
            raise SuiteError(
                "the plan has no run", hint="a shard is empty if there are more shards than scenarios: use fewer"
            )
        suite.check_size(whole)
        notes_on_tries = left_out(whole, tries, suite.pass_rates())
        self._whole, self._tries = whole, list(tries)
        self._plan = [run for run in whole if run.case not in notes_on_tries]
        self._settings = settings or Settings.from_environment(suite.folder)
        self._settings.check()
        self._on_event, self._fail_fast = on_event, fail_fast
        self._environment = dict(os.environ if environment is None else environment) | self._settings.environment
        self._timing = timing or Timing.of(self._settings, shards=shard.of if shard else 1)
        self._redaction = Redaction(self._settings.secrets)
        self._clock = Clock()
        self._suite_id = suite_id or secrets.token_hex(4)
        self._seed = secrets.randbelow(2**31) if suite.seed is None else suite.seed
        self._verdicts = {run.case: run_left_out(run, note) for run in whole if (note := notes_on_tries.get(run.case))}
        self._notes, self._narrowed, self._retries = list(notes), narrowed, retries
        self._sandbox_gaps = sandbox_gaps
        self._balance_before: float | None = None
        self._balance_after: float | None = None
        self._stop = Stop()
        self._versions: dict[int, str] = {}
        self._shard = shard
        limit = limit_of(suite, local=self._settings.local_cekura, shards=shard.of if shard else 1)
        self._slots = Slots(limit, self._clock)
        self._log_folder, self._worker_log = log_folder, ""

    def stop(self, reason: str = "stopped") -> None:
        """End the suite within 6 s: end the runs on Cekura, delete the rooms, stop the worker, return the verdict."""
        self._stop.request(Errored(Kind.CANCELLED, reason, hint="run it again"))

    async def run(self) -> SuiteVerdict:
        """Run the suite, once.

        Raises:
            SuiteError: the plan is estimated at more than `max_credits`; nothing was started.
            asyncio.CancelledError: the caller cancelled it; everything was cleaned up.
        """
        self._emit(Planned(tuple(PlannedCase(run.case, run.scenario, run.mode) for run in self._whole)))
        for case, left_out_run in self._verdicts.items():
            self._emit(Finished(case, left_out_run))
        failure, results, rooms_left = await self._make_runs() if self._plan else (None, [], [])
        if len(self._plan) > 1 and (said := self._slots.described):
            self._notes.append(said)
            self._emit(Noted("", said))
        verdict = self._redacted(self._verdict(failure, results, rooms_left))
        self._emit(Ended(verdict))
        return verdict

    async def _make_runs(self) -> tuple[Errored | None, list[Result], list[str]]:
        """Make all runs; return why they could not be made, the results on Cekura, and rooms that were not deleted."""
        results: list[Result] = []
        rooms_left: list[str] = []
        with redacted_logs(self._redaction):
            try:
                async with self._services() as (livekit, cekura, poller):
                    await self._stop.unless_requested(self._preflight(livekit, cekura))
                    async with self._worker() as worker:
                        context = self._context(livekit, cekura, poller, worker)
                        try:
                            await CaseRuns(
                                context, self._plan, fail_fast=self._fail_fast, verdicts=self._verdicts
                            ).run()
                        finally:
                            results, rooms_left = context.starter.results, context.rooms.left
                    if self._balance_before is not None:
                        self._balance_after = await self._stop.unless_requested(cekura.balance())
            except Errored as error:
                return error, results, rooms_left
        return None, results, rooms_left

    @contextlib.asynccontextmanager
    async def _services(self) -> AsyncIterator[tuple[LiveKit, Cekura, Poller]]:
        async with AsyncExitStack() as stack:
            livekit = await stack.enter_async_context(LiveKit(self._settings, Budget(self._timing.livekit_requests)))
            cekura = await stack.enter_async_context(Cekura(self._settings))
            poller = await stack.enter_async_context(Poller(cekura, self._timing))
            yield livekit, cekura, poller

    async def _preflight(self, livekit: LiveKit, cekura: Cekura) -> None:
        """Check what can be known before anything is made or paid for."""
        self._emit(Preparing("checking LiveKit, Cekura and the scenarios"))
        await check_services(livekit, cekura)
        report = await check_plan(cekura, self._plan, agent=self._suite.agent)
        self._plan = with_profiles(self._plan, report)
        self._versions = {scenario: record.version for scenario, record in report.known.items()}
        estimate = estimate_of(self._plan, report.known)
        check_credits(estimate, self._suite.max_credits, self._suite.place)
        self._balance_before = await cekura.balance()
        for note in filter(None, (*report.faults, low_balance(estimate, self._balance_before))):
            self._notes.append(note)
            self._emit(Noted("", note))

    @contextlib.asynccontextmanager
    async def _worker(self) -> AsyncIterator[Worker | None]:
        """Start the suite's own worker, if it names one, under a name that no other worker has; stop it afterwards."""
        if self._suite.worker is None:
            yield None
            return
        worker = Worker(
            self._suite.worker,
            folder=self._suite.folder,
            environment=self._environment,
            agent_name=self._suite.agent_name or "",
            concurrency=min(self._slots.limit, len(self._plan)),
            wrapped=self._suite.needs_wrapper(self._plan),
            redaction=self._redaction,
        )
        try:
            self._emit(Preparing(f"starting the worker: {self._suite.worker}"))
            await self._stop.unless_requested(worker.start())
            yield worker
        except WorkerError as error:
            raise Errored(Kind.WORKER_FAILED, str(error), hint=error.hint) from None
        finally:
            await worker.stop(within=self._stop.grace.worker)
            self._worker_log = worker.log()
            worker.delete_log()

    def _context(self, livekit: LiveKit, cekura: Cekura, poller: Poller, worker: Worker | None) -> SuiteContext:
        suite, settings = self._suite, self._settings
        return SuiteContext(
            suite=suite,
            suite_id=self._suite_id,
            seed=self._seed,
            settings=settings,
            timing=self._timing,
            clock=self._clock,
            livekit=livekit,
            cekura=cekura,
            starter=Starter(
                cekura,
                self._timing,
                agent=suite.agent,
                result_url=settings.result_url,
                on_result=lambda result: self._emit(Started(result)),
            ),
            poller=poller,
            stop=self._stop,
            breaker=Breaker(self._stop),
            emit=self._emit,
            agent_name=worker.agent_name if worker else suite.agent_name or "",
            worker=worker,
            slots=self._slots,
            witnesses=asyncio.Semaphore(suite.witnesses),
            sandbox_gaps=self._sandbox_gaps,
        )

    def _verdict(self, failure: Errored | None, results: list[Result], rooms_left: list[str]) -> SuiteVerdict:
        plan = {run.case: run for run in self._plan}
        cases = [run.case for run in self._whole]
        runs = [self._verdicts.get(case) or run_not_begun(plan[case], failure) for case in cases]
        versions = self._versions
        runs = [run.model_copy(update={"scenario_version": versions.get(run.scenario, "")}) for run in runs]
        runs = keep_logs(self._worker_log, runs, self._log_folder, failed=failure is not None)
        return SuiteVerdict.of(
            runs,
            suite=self._suite.name,
            suite_id=self._suite_id,
            started_at=datetime.fromtimestamp(self._clock.started_at, UTC).isoformat(timespec="milliseconds"),
            duration_s=self._clock(),
            results=results,
            pass_rates=self._suite.pass_rates(),
            kind=failure.kind if failure else None,
            hint=failure.hint if failure else "",
            rooms_left=rooms_left,
            notes=self._notes,
            shard=self._shard,
            worker=self._suite.worker or "",
            seed=self._seed,
            billed=not self._settings.local_cekura,
            balance=(self._balance_before, self._balance_after),
            selected=self._suite.selected(),
            narrowed=self._narrowed,
            retries=self._retries,
            tries=self._tries,
        )

    def _emit(self, event: Event) -> None:
        """Pass the event to the slots, and without secrets to the listener. One that raises harms no run."""
        self._slots.on_event(event)
        if self._on_event is None:
            return
        try:
            self._on_event(self._redacted(event))
        except Exception:  # noqa: BLE001 - it is the caller's, and may raise what it likes
            _log.exception("on_event failed on %s", type(event).__name__)

    def _redacted(self, event: R) -> R:
        return redacted(event, self._redaction)
