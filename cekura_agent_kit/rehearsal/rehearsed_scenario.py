"""One scenario of a file, in memory: what its agent is given, its conversation, its judgement."""

from __future__ import annotations

from typing import Any

from ..errors import RehearsalError
from ..sandbox.caller.callers import Callers
from ..sandbox.cekura.judgement import BLOCKED_HINT, Judgement
from ..sandbox.cekura.line_use import LineUse
from ..sandbox.cekura.scenarios import Scenario
from ..trigger.plan.planned_run import PlannedRun
from .memory_channel import MemoryChannel
from .rehearsal import Rehearsal
from .scenario_state import given_to

__tracebackhide__ = True


async def play_scenario(
    number: int,
    scenario: Scenario,
    target: object,
    *,
    planned: PlannedRun | None = None,
    callers: Callers | None = None,
    **options: Any,
) -> Judgement:
    """Play one scenario in memory against an agent, by its script or by a model, and return the judgement.

    Args:
        number: id of the scenario.
        scenario: of the scenario file.
        target: the agent, as `Rehearsal` accepts it.
        planned: the scenario's run in a suite, with what it gives to the agent.
        callers: makes the conversation, and may be shared. Default: by the variables of the environment.
        options: of `Rehearsal`.

    Raises:
        SettingsError: the scenario needs a model, and no variable names one.
        CallerError: the model that plays the caller cannot be asked, or its answers cannot be used.
        CassetteMiss: its cassette does not have a request.
        Exception: what ends the rehearsal; see `Rehearsal`.
    """
    given = given_to(number, scenario, planned, options)
    call = Rehearsal(target, scenario=number, **options | given)
    own = callers or Callers()
    try:
        return await RehearsedScenario(number, scenario, call, own).judge()
    finally:
        if callers is None:
            await own.close()


class RehearsedScenario:
    """One scenario, to be run against the agent.

    Attributes:
        id: its id in the file, and on Cekura.
        scenario: its script, or its caller; and its outcome.
        call: the rehearsal.
        line_use: the lines of the scenario that were of use.
    """

    def __init__(self, number: int, scenario: Scenario, call: Rehearsal, callers: Callers | None = None) -> None:
        self.id = number
        self.scenario = scenario
        self.call = call
        self.line_use = LineUse()
        self._callers = callers or Callers()

    async def run(self) -> Judgement:
        """Let the evaluator talk with the agent.

        Raises:
            AssertionError: an expectation of the scenario does not hold, or a statement of its outcome is not met; the
                text has what the agent said.
            RehearsalError: a statement of the outcome could not be judged.
        """
        try:
            judgement = await self.judge()
        finally:
            await self._callers.close()
        if judgement.is_blocked:
            raise RehearsalError(
                f"scenario {self.id}, {self.scenario.name}, is unscored: {' '.join(judgement.explanation)}",
                hint=BLOCKED_HINT,
            )
        if not judgement.success:
            raise AssertionError(f"scenario {self.id}, {self.scenario.name}: {' '.join(judgement.explanation)}")
        return judgement

    async def judge(self) -> Judgement:
        """Let the evaluator talk with the agent, and return the judgement, whatever it is.

        Raises:
            SettingsError, CallerError, CassetteMiss: see `play_scenario`.
        """
        # In a rehearsal the environment has placeholders for keys; the caller's endpoint is the user's own.
        self._callers.check(self.scenario)
        async with self.call as call:
            return await self._callers.conversation(self.scenario, MemoryChannel(call), self.line_use).run()

    def __repr__(self) -> str:
        return f"<scenario {self.id}: {self.scenario.name}>"
