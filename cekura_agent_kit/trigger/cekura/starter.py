"""Starts of one suite: runs grouped into POSTs, each sent once, and each run matched to its room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ...contract import Mode
from ...errors import CekuraError, CekuraRefused, CekuraUnreachable, StartUnknown
from ...verdict import Kind, Result
from ..errored import Errored
from ..plan.planned_run import PlannedRun
from ..timing import Timing
from .api_models import ApiRun, StartAnswer
from .client import Cekura, first_line
from .matching import LostRun, candidates, match_answer, match_lost
from .ready_run import ReadyRun, StartedRun

_LISTED: Final = 100
"""Runs of one list: more than any POST starts, with room for what other jobs start at the same moment."""
_LAST_LIST: Final = 0.5
"""Seconds for a last list once the suite is stopped."""

Group = tuple[Mode, int]
"""Mode and occurrence. A POST contains runs of one group, and so never names a scenario twice."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class Starter:
    """Sends the starts of one suite.

    A run is expected once its room is created (`expect`), and then starts (`start`) or drops out (`withdraw`). A
    group's POST is sent when nobody else of the group is expected, or ``timing.group`` seconds after its first run was
    ready; a later run is sent with the next POST.

    Attributes:
        results: results on Cekura, as far as they are known.
        started: case to its run; also of runs that nobody waits for any more.
    """

    def __init__(
        self,
        cekura: Cekura,
        timing: Timing,
        *,
        agent: int | None,
        result_url: Callable[[int], str],
        on_result: Callable[[Result], object] = lambda _: None,
    ) -> None:
        self.results: list[Result] = []
        self.started: dict[str, StartedRun] = {}
        self._cekura, self._timing, self._agent, self._result_url = cekura, timing, agent, result_url
        self._on_result = on_result
        self._expected: dict[Group, set[str]] = {}
        self._waiting: dict[Group, list[ReadyRun]] = {}
        self._timers: dict[Group, asyncio.TimerHandle] = {}
        self._posts: set[asyncio.Task[None]] = set()
        self._lost: dict[str, tuple[LostRun, ReadyRun]] = {}
        self._closed = False
        self._stopped = asyncio.Event()

    def expect(self, planned: PlannedRun) -> None:
        """Make the run's group wait for it."""
        self._expected.setdefault(_group(planned), set()).add(planned.case)

    def withdraw(self, planned: PlannedRun) -> None:
        """Make the run's group stop waiting for it: it will not start."""
        self._expected.get(_group(planned), set()).discard(planned.case)
        self._send_if_complete(_group(planned))

    async def start(self, ready: ReadyRun) -> StartedRun:
        """Start a run with its group.

        Raises:
            Errored: the start was refused, did not reach Cekura, or has an unknown outcome; or the agent is gone.
        """
        group = _group(ready.planned)
        self._waiting.setdefault(group, []).append(ready)
        self._expected.get(group, set()).discard(ready.planned.case)
        if group not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[group] = loop.call_later(self._timing.group, self._send_group, group)
        self._send_if_complete(group)
        return await ready.outcome

    async def close(self, within: float) -> None:
        """Send nothing more, and wait up to ``within`` seconds for answers to what was sent."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        if self._posts:
            await asyncio.wait(self._posts, timeout=within)
        # An answer after this is too late. The rooms may still show what was started, and then it can be ended.
        self._stopped.set()
        if self._posts:
            await asyncio.wait(self._posts, timeout=_LAST_LIST)

    async def cancel(self) -> None:
        """Cancel everything that still waits for an answer."""
        self._closed = True
        for post in self._posts:
            post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)

    def _send_if_complete(self, group: Group) -> None:
        if self._waiting.get(group) and not self._expected.get(group):
            self._send_group(group)

    def _send_group(self, group: Group) -> None:
        if timer := self._timers.pop(group, None):
            timer.cancel()
        waiting = self._waiting.pop(group, [])
        if waiting and not self._closed:
            post = asyncio.create_task(self._post(group[0], waiting))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)

    # One POST, from the last check to the outcome of each of its runs.

    async def _post(self, mode: Mode, waiting: list[ReadyRun]) -> None:
        try:
            runs, before = await asyncio.gather(self._still_ready(waiting), self._listed_ids())
            if runs and not self._closed:
                await self._send(mode, runs, before)
        except Exception as error:  # noqa: BLE001 - whoever waits must not wait for ever
            _log.exception("a start failed")
            _fail(waiting, Errored(Kind.INTERNAL, f"the start failed with {type(error).__name__}"))

    async def _still_ready(self, waiting: list[ReadyRun]) -> list[ReadyRun]:
        checks = await asyncio.gather(*(ready.check_agent() for ready in waiting), return_exceptions=True)
        for ready, fault in zip(waiting, checks, strict=True):
            if isinstance(fault, Errored):
                _fail([ready], fault)
            elif fault is not None:
                raise fault
        # A run that was cancelled meanwhile has no room any more.
        return [ready for ready in waiting if not ready.outcome.done()]

    async def _send(self, mode: Mode, runs: list[ReadyRun], before: frozenset[int] | None) -> None:
        """Send one POST. If its answer is lost, find its runs by their rooms and by what is new on Cekura."""
        for ready in runs:
            ready.sent.set()
        left = runs
        try:
            answer = await self._with_scenarios(await self._answer(mode, runs))
            matched = match_answer(_scenarios(runs), answer)
            for ready in runs:
                if run := matched.get(ready.planned.scenario):
                    self._set_started(ready, StartedRun(run.id, answer.result_id or run.result_id))
            left = [ready for ready in runs if ready.planned.scenario not in matched]
            lost = "the start's answer does not name exactly one run of the scenario"
        except StartUnknown as error:
            lost = str(error)
        except CekuraError as error:
            _fail(runs, _not_started(error, runs))
            return
        if left:
            await self._find_lost(left, before, lost)

    async def _answer(self, mode: Mode, runs: list[ReadyRun]) -> StartAnswer:
        """Return the start's answer. Raises StartUnknown if the suite is stopped before it is received."""
        sending = asyncio.create_task(
            self._cekura.start(mode, [ready.entry() for ready in runs], agent=self._agent), name="start"
        )
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise StartUnknown("the suite was stopped before the start's answer was received")
            return sending.result()
        finally:
            for task in (sending, stopped):
                task.cancel()
            await asyncio.gather(sending, stopped, return_exceptions=True)

    async def _with_scenarios(self, answer: StartAnswer) -> StartAnswer:
        """Return the answer; if it does not name its runs' scenarios, the runs are read."""
        if all(run.scenario is not None for run in answer.runs):
            return answer
        try:
            return StartAnswer(answer.result_id, tuple(await self._cekura.runs([run.id for run in answer.runs])))
        except CekuraError as error:
            _log.debug("the started runs could not be read: %s", first_line(error))
            return answer

    async def _find_lost(self, runs: list[ReadyRun], before: frozenset[int] | None, lost: str) -> None:
        """Wait for evaluators to join and runs to be listed, and match what can be matched."""
        deadline = asyncio.get_running_loop().time() + self._timing.lost_start
        mine = {
            ready.planned.case: LostRun(ready.planned.case, ready.planned.scenario, ready.planned.mode, before)
            for ready in runs
        }
        self._lost |= {ready.planned.case: (mine[ready.planned.case], ready) for ready in runs}
        left = list(runs)
        listed: list[ApiRun] = []
        try:
            while left:
                late = self._closed or asyncio.get_running_loop().time() >= deadline
                joined = self._lost_and_joined()
                # Read after the evaluators joined, so that their runs are in it.
                latest = await self._latest_runs()
                listed = listed if latest is None else latest
                for case, run in match_lost(joined, latest or [], self._known_ids()).items():
                    if case in mine:
                        _, ready = self._lost.pop(case)
                        self._set_started(ready, StartedRun(run.id, run.result_id, identified=True))
                        left.remove(ready)
                if late:
                    break
                if left:
                    await asyncio.sleep(self._timing.read_fastest)
        finally:
            for case in mine:
                self._lost.pop(case, None)
        _fail(left, _unknown(lost, left, candidates(mine.values(), listed, self._known_ids()), before is not None))

    def _lost_and_joined(self) -> list[LostRun]:
        """Return all lost runs of the suite whose evaluator joined."""
        return [lost for lost, ready in self._lost.values() if ready.evaluator_came.is_set()]

    def _known_ids(self) -> set[int]:
        return {started.run_id for started in self.started.values()}

    async def _listed_ids(self) -> frozenset[int] | None:
        listed = await self._latest_runs()
        return None if listed is None else frozenset(run.id for run in listed)

    async def _latest_runs(self) -> list[ApiRun] | None:
        """Return the latest runs; None if they cannot be read."""
        try:
            return await self._cekura.latest_runs(_LISTED)
        except CekuraError as error:
            _log.debug("the latest runs are not known: %s", first_line(error))
            return None

    def _set_started(self, ready: ReadyRun, started: StartedRun) -> None:
        self.started[ready.planned.case] = started
        if started.result_id is not None and all(each.id != started.result_id for each in self.results):
            url = self._result_url(started.result_id)
            result = Result(id=started.result_id, mode=ready.planned.mode, url=url)
            self.results.append(result)
            self._on_result(result)
        if not ready.outcome.done():
            ready.outcome.set_result(started)


def _scenarios(runs: Iterable[ReadyRun]) -> list[int]:
    return [ready.planned.scenario for ready in runs]


def _group(planned: PlannedRun) -> Group:
    return planned.mode, planned.occurrence


def _fail(runs: Iterable[ReadyRun], error: Errored) -> None:
    for ready in runs:
        if not ready.outcome.done():
            ready.outcome.set_exception(error)


def _not_started(error: CekuraError, runs: Sequence[ReadyRun]) -> Errored:
    """Return the outcome of runs that were certainly not started; its cause is Cekura's error."""
    if isinstance(error, CekuraRefused):
        ids = ", ".join(map(str, _scenarios(runs)))
        message = f"{error} (scenarios sent: {ids})"
        errored = Errored(Kind.START_REFUSED, message, hint=error.hint, is_final=error.final)
    else:
        assert isinstance(error, CekuraUnreachable), "a lost answer is not a refusal"
        errored = Errored(Kind.CEKURA_UNREACHABLE, f"nothing was started: {error}", hint=error.hint)
    errored.__cause__ = error
    return errored


def _unknown(lost: str, runs: Sequence[ReadyRun], found: Sequence[ApiRun], comparable: bool) -> Errored:
    """Return the outcome of runs that may have been started. ``comparable``: a list was read before the start."""
    joined = sum(ready.evaluator_came.is_set() for ready in runs)
    listed = ", ".join(f"{run.id} (scenario {run.scenario}, {run.status})" for run in found)
    if not comparable:
        listed = "not known, since no list could be read before the start"
    if found:
        hint = "open these runs on Cekura, and end those that are yours: they may be another job's, so none was ended"
    elif joined or not comparable:
        hint = "open Cekura's results page, and end what is still running"
    else:
        hint = "most likely nothing was started; check Cekura's results page before you start again"
    return Errored(
        Kind.START_UNKNOWN,
        f"{lost}; {joined} of {len(runs)} evaluators joined; new runs of these scenarios on Cekura: "
        f"{listed or 'none listed'}",
        hint=hint,
    )
