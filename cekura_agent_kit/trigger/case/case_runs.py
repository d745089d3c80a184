"""All runs of a suite: begun, judged, and cleaned up after the last one or after a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import nullcontext

from ...verdict import Kind, Outcome, RunVerdict, SkipReason
from ..cleanup import clean_up
from ..context import SuiteContext
from ..errored import Errored
from ..plan.planned_run import PlannedRun
from ..progress import Finished
from ..repeats import Repeats
from .case_run import CaseRun


class CaseRuns:
    """All runs of a suite, as many at once as there are slots.

    Args:
        context: of the suite.
        plan: the runs.
        fail_fast: begin no further run once one has not passed.
        verdicts: receives each verdict, by case.
    """

    def __init__(
        self, context: SuiteContext, plan: Sequence[PlannedRun], *, fail_fast: bool, verdicts: dict[str, RunVerdict]
    ) -> None:
        suite = context.suite
        self._context, self._fail_fast, self._verdicts = context, fail_fast, verdicts
        self._case_runs = [CaseRun(context, planned) for planned in plan]
        self._repeats = Repeats(plan, suite.pass_rates()) if suite.stop_when_decided else None

    async def run(self) -> None:
        """Make all runs, and clean up.

        Raises:
            Errored: the suite was stopped.
        """
        stop = self._context.stop
        tasks = {asyncio.create_task(self._run_case(case_run)): case_run for case_run in self._case_runs}
        timer = self._start_timer()
        try:
            await stop.unless_requested(_all_of(tasks))
        except asyncio.CancelledError:
            stop.request(Errored(Kind.CANCELLED, "cancelled", hint="run it again"))
            raise
        finally:
            if timer:
                timer.cancel()
            notes = {case_run.case: case_run.seen.notes for case_run in self._case_runs}
            await clean_up(self._context, self._verdicts, tasks, note=lambda case, text: notes[case].append(text))
            if (reason := stop.reason) is not None:
                for task, case_run in tasks.items():
                    if case_run.case not in self._verdicts:
                        finished = task.done() and not task.cancelled()
                        self._finish(task.result() if finished else case_run.stopped_by(reason))

    def _start_timer(self) -> asyncio.TimerHandle | None:
        limit = self._context.suite.suite_timeout
        if limit is None:
            return None
        error = Errored(Kind.TIMEOUT, f"the suite took longer than {limit:g} s", hint="raise `suite_timeout`")
        return asyncio.get_running_loop().call_later(limit, self._context.stop.request, error)

    async def _run_case(self, case_run: CaseRun) -> RunVerdict:
        planned, repeats, stop = case_run.seen.planned, self._repeats, self._context.stop
        if repeats is not None and not await repeats.may_begin(planned):
            verdict = case_run.leave_out(SkipReason.DECIDED)
            self._finish(verdict)
            return verdict
        # With fail-fast the next run begins when the verdict of the one before is known, not when its room is free.
        async with self._context.slots.held(case_run.case) if self._fail_fast else nullcontext():
            verdict = await case_run.run()
            if stop.reason is None:
                self._finish(verdict)
            if self._fail_fast and verdict.outcome in (Outcome.FAILED, Outcome.ERRORED):
                why = f"not run: {verdict.case} {verdict.outcome}, and --fail-fast"
                stop.close(Errored(Kind.NOT_RUN, why), skip=SkipReason.FAIL_FAST)
        if repeats is not None:
            repeats.end(planned, verdict.outcome)
        return verdict

    def _finish(self, verdict: RunVerdict) -> None:
        self._verdicts[verdict.case] = verdict
        self._context.emit(Finished(verdict.case, verdict))


async def _all_of(tasks: Iterable[asyncio.Task[RunVerdict]]) -> None:
    """Wait for all; an exception in one of them is raised at once. Does not cancel them when it is cancelled."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()
