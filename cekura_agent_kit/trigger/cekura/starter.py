"""Starts: grouped into POSTs, each sent once, and the fate of one whose answer was lost."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ...contract import Mode
from ...errors import CekuraError, CekuraRefused, CekuraUnreachable, StartUnknown
from ...verdict import Kind, Result
from ..judging import Errored
from ..suite import PlannedRun
from ..timing import Timing
from .api_models import ApiRun, StartAnswer
from .client import Cekura, explain

_LISTED: Final = 100
"""Runs of one listing: more than any group starts, with room for what others start at the same moment."""
_LISTING: Final = 0.5
"""Seconds for it once the suite is stopped."""

Group = tuple[Mode, int]
"""Mode and occurrence: a POST holds runs of one group, and so never names a scenario twice."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


@dataclass(frozen=True)
class StartedRun:
    """A run on Cekura, tied to its room. ``adopted``: by what was seen, since the start's answer was lost."""

    run_id: int
    result_id: int | None
    identified: bool = False


@dataclass
class ReadyRun:
    """A run whose room waits for its evaluator.

    Attributes:
        entry: makes its element of ``scenarios``, with a token minted just then.
        check_agent: a last look before money is spent; raises `Errored` where the agent is no longer ready.
        sent: set when its POST is being sent.
        evaluator_came: set when the evaluator was seen in the room.
    """

    planned: PlannedRun
    entry: Callable[[], Mapping[str, Any]]
    check_agent: Callable[[], Awaitable[None]]
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    evaluator_came: asyncio.Event = field(default_factory=asyncio.Event)
    outcome: asyncio.Future[StartedRun] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def settled(self) -> None:
        """Wait until its POST is being sent, or it will not be sent."""
        sent: asyncio.Future[Any] = asyncio.ensure_future(self.sent.wait())
        outcome: asyncio.Future[Any] = self.outcome
        try:
            await asyncio.wait([sent, outcome], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sent.cancel()


class Starter:
    """Sends the starts of one suite.

    A run is expected from its room's making on (`expect`), and then starts (`start`) or drops out (`withdraw`). A
    group's POST leaves when nobody of the group is expected any more, or ``timing.group`` seconds after its first run
    was ready; who comes later goes in the next.

    Attributes:
        results: what was started, as far as it is known.
        started: case to its run; also of runs that nobody waits for any more.
    """

    def __init__(self, cekura: Cekura, timing: Timing, *, agent: int | None, result_url: Callable[[int], str]) -> None:
        self.results: list[Result] = []
        self.started: dict[str, StartedRun] = {}
        self._cekura, self._timing, self._agent, self._result_url = cekura, timing, agent, result_url
        self._expected: dict[Group, set[str]] = {}
        self._waiting: dict[Group, list[ReadyRun]] = {}
        self._timers: dict[Group, asyncio.TimerHandle] = {}
        self._posts: set[asyncio.Task[None]] = set()
        self._closed = False
        self._given_up = asyncio.Event()

    def expect(self, planned: PlannedRun) -> None:
        """It gets ready; its group waits for it."""
        self._expected.setdefault(_group(planned), set()).add(planned.case)

    def withdraw(self, planned: PlannedRun) -> None:
        """It will not start; its group need not wait for it."""
        self._expected.get(_group(planned), set()).discard(planned.case)
        self._leave_if_complete(_group(planned))

    async def start(self, ready: ReadyRun) -> StartedRun:
        """Start it with its group.

        Raises:
            Errored: refused, unreachable or unknown; or the last look found its agent gone.
        """
        group = _group(ready.planned)
        self._waiting.setdefault(group, []).append(ready)
        self._expected.get(group, set()).discard(ready.planned.case)
        if group not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[group] = loop.call_later(self._timing.group, self._leave, group)
        self._leave_if_complete(group)
        return await ready.outcome

    async def close(self, within: float) -> None:
        """Send nothing more; wait up to ``within`` seconds for the answers of what was sent, then settle it without."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        if self._posts:
            await asyncio.wait(self._posts, timeout=within)
        # Later answers come too late. What they started may be told by the rooms, and then it can be ended.
        self._given_up.set()
        if self._posts:
            await asyncio.wait(self._posts, timeout=_LISTING)

    async def cancel(self) -> None:
        """End what still waits for answers."""
        self._closed = True
        for post in self._posts:
            post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)

    @property
    def unanswered(self) -> bool:
        """A POST was sent, and its answer has not come."""
        return bool(self._posts)

    def _leave_if_complete(self, group: Group) -> None:
        if self._waiting.get(group) and not self._expected.get(group):
            self._leave(group)

    def _leave(self, group: Group) -> None:
        if timer := self._timers.pop(group, None):
            timer.cancel()
        waiting = self._waiting.pop(group, [])
        if waiting and not self._closed:
            post = asyncio.create_task(self._post(group[0], waiting))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)

    async def _post(self, mode: Mode, waiting: list[ReadyRun]) -> None:
        try:
            group, before = await asyncio.gather(self._still_ready(waiting), self._listed())
            if group and not self._closed:
                await self._send(mode, group, before)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            _log.exception("a start failed")
            _fail(waiting, Errored(Kind.INTERNAL, f"the start failed with {type(error).__name__}"))

    async def _still_ready(self, waiting: list[ReadyRun]) -> list[ReadyRun]:
        looks = await asyncio.gather(*(ready.check_agent() for ready in waiting), return_exceptions=True)
        for ready, fault in zip(waiting, looks, strict=True):
            if isinstance(fault, Errored):
                _fail([ready], fault)
            elif fault is not None:
                raise fault
        # Who was cancelled meanwhile has no room any more.
        return [ready for ready in waiting if not ready.outcome.done()]

    async def _send(self, mode: Mode, group: list[ReadyRun], before: set[int] | None) -> None:
        for ready in group:
            ready.sent.set()
        try:
            answer = await self._answer(mode, group)
        except CekuraRefused as error:
            ids = ", ".join(str(ready.planned.scenario) for ready in group)
            _fail(group, Errored(Kind.START_REFUSED, f"{error} (scenarios sent: {ids})", hint=error.hint))
        except CekuraUnreachable as error:
            _fail(group, Errored(Kind.API_UNREACHABLE, f"nothing was started: {error}", hint=error.hint))
        except StartUnknown as error:
            await self._adopt(mode, group, before, str(error))
        else:
            tied = match_runs(group_scenarios(group), await self._with_scenarios(answer))
            self._tell(mode, [ready for ready in group if ready.planned.scenario in tied], tied, answer.result_id)
            if left := [ready for ready in group if ready.planned.scenario not in tied]:
                ids = ", ".join(map(str, group_scenarios(left)))
                await self._adopt(mode, left, before, f"the start's answer names no single run of scenario {ids}")

    async def _answer(self, mode: Mode, group: list[ReadyRun]) -> StartAnswer:
        """The start's answer, unless the suite is stopped before it comes."""
        sending = asyncio.create_task(
            self._cekura.start(mode, [ready.entry() for ready in group], agent=self._agent), name="start"
        )
        given_up = asyncio.create_task(self._given_up.wait())
        try:
            await asyncio.wait({sending, given_up}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise StartUnknown("the suite was stopped before the start's answer came")
            return sending.result()
        finally:
            for task in (sending, given_up):
                task.cancel()
            await asyncio.gather(sending, given_up, return_exceptions=True)

    async def _with_scenarios(self, answer: StartAnswer) -> StartAnswer:
        """The answer, its runs' scenarios read where it does not name them."""
        if all(run.scenario is not None for run in answer.runs):
            return answer
        try:
            return StartAnswer(answer.result_id, tuple(await self._cekura.runs([run.id for run in answer.runs])))
        except CekuraError as error:
            _log.debug("the started runs could not be read: %s", explain(error))
            return answer

    async def _listed(self) -> set[int] | None:
        """The ids of the latest runs; None where they are not known."""
        try:
            return {run.id for run in await self._cekura.latest_runs(_LISTED)}
        except CekuraError as error:
            _log.debug("the latest runs are not known: %s", explain(error))
            return None

    async def _adopt(self, mode: Mode, group: list[ReadyRun], before: set[int] | None, lost: str) -> None:
        """The answer was lost: the rooms say which evaluators came, and a listing which runs are new."""
        deadline = asyncio.get_running_loop().time() + self._timing.lost_start
        candidates: list[ApiRun] = []
        while True:
            came = [ready for ready in group if ready.evaluator_came.is_set()]
            candidates = await self._new_runs(group, before) or candidates
            late = self._closed or asyncio.get_running_loop().time() >= deadline
            # Without a listing from before, an older run of the same scenario would look new.
            settled = before is not None and (late or len(came) == len(group))
            if settled and sorted(group_scenarios(came)) == sorted(run.scenario or 0 for run in candidates):
                self._tell(mode, came, match_runs(group_scenarios(came), StartAnswer(None, tuple(candidates))), None)
                break
            if late:
                break
            await asyncio.sleep(self._timing.read_fastest)
        left = [ready for ready in group if not ready.outcome.done()]
        _fail(left, _unknown(lost, left, candidates))

    async def _new_runs(self, group: list[ReadyRun], before: set[int] | None) -> list[ApiRun]:
        scenarios = set(group_scenarios(group))
        try:
            listed = await self._cekura.latest_runs(_LISTED)
        except CekuraError as error:
            _log.debug("the new runs are not known: %s", explain(error))
            return []
        return [run for run in listed if run.scenario in scenarios and run.id not in (before or set())]

    def _tell(self, mode: Mode, group: list[ReadyRun], tied: Mapping[int, ApiRun], result_id: int | None) -> None:
        adopted = result_id is None
        for found in {run.result_id for run in tied.values()} if adopted else {result_id}:
            if found is not None:
                self.results.append(Result(id=found, mode=mode, url=self._result_url(found)))
        for ready in group:
            run = tied[ready.planned.scenario]
            started = StartedRun(run.id, result_id if result_id is not None else run.result_id, adopted)
            self.started[ready.planned.case] = started
            if not ready.outcome.done():
                ready.outcome.set_result(started)


def match_runs(scenarios: Sequence[int], answer: StartAnswer) -> dict[int, ApiRun]:
    """Scenario id to its run, for each that the answer names exactly once."""
    named = Counter(run.scenario for run in answer.runs)
    return {run.scenario: run for run in answer.runs if run.scenario in scenarios and named[run.scenario] == 1}  # type: ignore[misc]


def group_scenarios(group: Iterable[ReadyRun]) -> list[int]:
    """The scenario ids of a POST, in its order."""
    return [ready.planned.scenario for ready in group]


def _group(planned: PlannedRun) -> Group:
    return planned.mode, planned.occurrence


def _fail(group: Iterable[ReadyRun], error: Errored) -> None:
    for ready in group:
        if not ready.outcome.done():
            ready.outcome.set_exception(error)


def _unknown(lost: str, group: Sequence[ReadyRun], candidates: Sequence[ApiRun]) -> Errored:
    came = sum(ready.evaluator_came.is_set() for ready in group)
    seen = f"{came} of {len(group)} evaluators came"
    listed = ", ".join(f"{run.id} (scenario {run.scenario}, {run.status})" for run in candidates)
    return Errored(
        Kind.START_UNKNOWN,
        f"{lost}; {seen}; new runs of these scenarios on Cekura: {listed or 'none listed'}",
        hint="look at these runs on Cekura, and end what is yours: they may be another job's, so none was touched"
        if listed
        else "most likely nothing was started; see on Cekura's results page before you start again",
    )
