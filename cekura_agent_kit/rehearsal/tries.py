"""Tries: the scenarios of a plan, held in memory before anything is started on Cekura."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ..contract import Mode
from ..errors import KitError
from ..sandbox.caller.callers import Callers
from ..sandbox.cekura.judgement import BLOCKED_HINT, Judgement
from ..sandbox.cekura.scenarios import Scenario
from ..trigger.plan.given_state import main_agent_part
from ..trigger.plan.planned_run import PlannedRun
from ..trigger.plan.suite_values import seed_of
from ..verdict import Line, Outcome, PlayedCaller, PoolId, RunVerdict, Statement, Timeline
from .environment import environment
from .memory_channel import MemoryChannel
from .model import Model
from .modules import find_with_own_modules
from .processes import Processes
from .rehearsal import Rehearsal
from .scenario_state import given_to
from .transcript import transcript

_QUIET: Final = 1.0
"""Seconds for which an agent that has answered neither thinks nor speaks: then its answer is complete."""


@dataclass(frozen=True, kw_only=True)
class Agent:
    """Agent to try.

    Attributes:
        target: absolute path of its file, with ``:name`` or without.
        folder: the suite's.
        suite: name of the suite.
        model: returns what answers in the place of the agent's own model, for one call; None leaves it its own.
        callers: plays the callers that have no script.
    """

    target: str
    folder: Path
    suite: str
    model: Callable[[], Model | None]
    callers: Callers


async def hold_tries(
    plan: Iterable[PlannedRun],
    scenarios: Mapping[int, Scenario],
    agent: Agent,
    *,
    times: int,
    seed: int,
    at_once: int,
) -> list[RunVerdict]:
    """Hold each scenario in memory, in text, with what each entry gives to the agent.

    Args:
        plan: the runs; a scenario is tried for each entry that has it.
        scenarios: scripts and callers, by id. Others of the plan are not tried.
        agent: the agent.
        times: tries of each.
        seed: of which each try's is derived, where its entry has none.
        at_once: number of tries at the same time.

    Returns:
        A verdict of each try, in the order of the plan. Its times are seconds from its own beginning. One that could
        not be held to its end is errored, without a kind.

    Raises:
        TargetError: there is no such agent.
    """
    tries = list(_planned(plan, scenarios, times))
    with warnings.catch_warnings(), ExitStack() as resources:
        # A rehearsal warns of models that were not replaced: here these are notes of the try.
        warnings.simplefilter("ignore")
        # Once for all: an agent's own .env file is read before placeholders stand for the keys that it has.
        find_with_own_modules(agent.target, [agent.folder], {}, resources)
        resources.enter_context(environment({}))
        slots, processes = asyncio.Semaphore(at_once), Processes()

        async def held(planned: PlannedRun, number: int) -> RunVerdict:
            async with slots:
                own = seed_of(seed if planned.seed is None else planned.seed, f"{planned.scenario}#{number}")
                one = _Try(planned, number, scenarios[planned.scenario], own)
                return await one.hold(agent, processes)

        return list(await asyncio.gather(*(held(planned, number) for planned, number in tries)))


def _planned(
    plan: Iterable[PlannedRun], scenarios: Mapping[int, Scenario], times: int
) -> Iterable[tuple[PlannedRun, int]]:
    """Yield the first run of each pool that can be tried, as often as it is tried, with the number of the try."""
    first: dict[PoolId, PlannedRun] = {}
    for run in plan:
        if run.scenario in scenarios:
            first.setdefault(run.pool, run)
    numbers: Counter[int] = Counter()
    for planned in first.values():
        for _ in range(times):
            numbers[planned.scenario] += 1
            yield planned, numbers[planned.scenario]


class _Try:
    """One try."""

    def __init__(self, planned: PlannedRun, number: int, scenario: Scenario, seed: int) -> None:
        self._planned, self._number, self._scenario, self._seed = planned, number, scenario, seed
        self._lines: Sequence[Line] = ()
        self._judgement: Judgement | None = None
        self._has_begun = False
        self._model_errors: list[str] = []

    async def hold(self, agent: Agent, processes: Processes) -> RunVerdict:
        """Hold the conversation, and judge it."""
        error: Exception | None = None
        call: Rehearsal | None = None
        began = time.time()
        try:
            call = self._call(agent, processes)
            await self._converse(call, agent.callers)
        except Exception as raised:  # noqa: BLE001 - the agent's own code may raise anything
            error = raised
        return self._verdict(error, call.notes if call is not None else [], began)

    def _call(self, agent: Agent, processes: Processes) -> Rehearsal:
        planned = self._planned
        return Rehearsal(
            agent.target,
            llm=agent.model(),
            folders=[agent.folder],
            processes=processes,
            scenario=planned.scenario,
            suite=agent.suite,
            **given_to(planned.scenario, self._scenario, planned, {}) | {"seed": self._seed},
        )

    @property
    def _profile(self) -> Mapping[str, Any] | None:
        """The agent's part of the test profile: the entry's, or the scenario's own where the entry asks for that."""
        own = self._scenario.profile
        if self._planned.test_profile is True and own is not None:
            return main_agent_part(own)
        return self._planned.profile

    async def _converse(self, call: Rehearsal, callers: Callers) -> None:
        async with call:
            self._has_begun = True
            if call.agent is not None:
                call.session.on("error", self._note_error)
            try:
                if self._planned.publish_data_message is not None:
                    await call.send_data(dict(self._planned.publish_data_message))
                conversation = callers.conversation(self._scenario, MemoryChannel(call), ends_after=_QUIET)
                self._judgement = await conversation.run()
            finally:
                self._lines = transcript(call)

    def _note_error(self, event: Any) -> None:
        error = getattr(event, "error", None)
        if not getattr(error, "recoverable", True):
            cause = getattr(error, "error", error)
            self._model_errors.append(f"{type(cause).__name__}: {cause}")

    def _judged(self, error: Exception | None) -> tuple[Outcome, str, str]:
        """Return outcome, reason and hint.

        Without the agent's first word there is nothing to judge, nor without its model. What its code raises later, and
        a check of its own that does not hold, is its failure.
        """
        if isinstance(error, KitError):
            return Outcome.ERRORED, str(error), error.hint
        if error is not None and not self._has_begun:
            return Outcome.ERRORED, _shown(error), ""
        if self._model_errors:
            return Outcome.ERRORED, f"the agent's model failed: {self._model_errors[0]}", ""
        if error is not None:
            return Outcome.FAILED, str(error) if isinstance(error, AssertionError) else _shown(error), ""
        assert self._judgement is not None, "nothing was raised"
        if self._judgement.success:
            return Outcome.PASSED, "", ""
        problems = " ".join(self._judgement.problems)
        if self._judgement.is_blocked:
            return Outcome.ERRORED, problems, BLOCKED_HINT
        return Outcome.FAILED, problems, ""

    def _explanation(self, outcome: Outcome) -> list[str]:
        """Return the sentences on what holds; of a failed try those on what does not."""
        if self._judgement is None:
            return []
        return self._judgement.problems if outcome is Outcome.FAILED else self._judgement.explanation

    def _verdict(self, error: Exception | None, notes: Sequence[str], began: float) -> RunVerdict:
        planned, judgement = self._planned, self._judgement
        outcome, reason, hint = self._judged(error)
        return RunVerdict(
            case=f"{planned.scenario}#{self._number}",
            entry=planned.entry,
            scenario=planned.scenario,
            scenario_name=self._scenario.name,
            mode=Mode.TEXT,
            outcome=outcome,
            reason=reason,
            hint=hint,
            notes=list(notes),
            expected_outcome=self._scenario.expected_outcome,
            score=judgement.score if judgement is not None else None,
            explanation=self._explanation(outcome),
            statements=[
                Statement(text=each.text, outcome=each.outcome, explanation=each.reason)
                for each in (judgement.statements if judgement is not None else ())
            ],
            played_caller=PlayedCaller(**asdict(judgement.played)) if judgement and judgement.played else None,
            timeline=Timeline(evaluator_joined=0.0, ended=round(time.time() - began, 3)),
            transcript_source="memory",
            transcript=[
                line if line.at is None else line.model_copy(update={"at": round(line.at - began, 3)})
                for line in self._lines
            ],
            seed=self._seed,
            metadata=planned.job_keys,
            room_metadata=dict(planned.room_metadata),
            test_profile_data=dict(self._profile or {}),
            tools=dict(planned.tools),
        )


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
