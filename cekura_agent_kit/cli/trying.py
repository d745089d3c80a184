"""The option `--try N`: each scenario is held in memory first, and one that fails there is not started on Cekura."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..counting import counted
from ..errors import SuiteError
from ..report.sanitize import console_line

if TYPE_CHECKING:
    from ..sandbox.caller.callers import Callers
    from ..sandbox.cekura.scenarios import Scenario
    from ..trigger.plan.suite import Suite
    from .planning import PlannedSuite

_PANEL: Final = "First look: scenarios that fail on this machine are not started"

TryOption = Annotated[
    int,
    typer.Option(
        "--try",
        metavar="N",
        min=0,
        max=100,
        rich_help_panel=_PANEL,
        help="Hold each scenario N times in memory, and start only those that do not fail there.",
    ),
]
TryAgentOption = Annotated[
    str,
    typer.Option(
        "--try-agent",
        metavar="FILE",
        rich_help_panel=_PANEL,
        help="The agent's file, or FILE:NAME, in the place of the suite's worker.",
    ),
]
TryModelOption = Annotated[
    str,
    typer.Option(
        "--try-llm",
        metavar="FILE|own",
        rich_help_panel=_PANEL,
        help="Model rules, a cassette, or the agent's own model. Default: own; with --sandbox, the sandbox's rules.",
    ),
]


@dataclass(frozen=True)
class Trying:
    """Tries of a plan.

    Attributes:
        times: tries of each scenario.
        target: absolute path of the agent's file, with ``:name`` or without.
        llm: file of model rules or cassette; None for the agent's own model.
        scenarios: scripts and callers, by id.
        callers: plays the callers that have no script.
    """

    times: int
    target: str
    llm: Path | None
    scenarios: Mapping[int, Scenario]
    callers: Callers

    @classmethod
    def of(cls, planned: PlannedSuite, times: int, *, agent: str, llm: str, sandbox: bool) -> Trying:
        """Find the agent, its model, the scenarios and the model that plays their callers.

        Raises:
            SuiteError: the suite names no file of an agent, or no scenario of the plan can be tried.
            TargetError: there is no such file.
            ScenarioError: the scenario file is missing or does not fit.
            SettingsError: a caller has no script, and no variable names a model that could play it.
        """
        from ..file_names import RULES, default_file
        from ..rehearsal.model_file import model_file
        from ..sandbox.caller.callers import callers_beside
        from ..sandbox.cekura.scenarios import load_scenarios
        from ..worker.source import absolute_target
        from .local_agent import agent_of

        suite = planned.suite
        target = absolute_target(
            agent or agent_of(suite, needed_by="--try", option="--try-agent"), [Path.cwd() if agent else suite.folder]
        )
        scenarios = load_scenarios(suite.scenarios_file)
        chosen = {run.scenario for run in planned.runs} & scenarios.keys()
        if not chosen:
            raise SuiteError(
                f"--try: {suite.scenarios_file} has none of the plan's scenarios",
                hint="write them with `cekura-kit pull`, or by hand under their ids on Cekura; or run without --try",
            )
        rules = default_file(suite.scenarios_file.parent, RULES) if sandbox else None
        model = model_file(llm, [Path.cwd(), suite.folder], default=rules)
        # The agent's own model says other words each time, which no recorded caller has heard.
        callers = callers_beside(suite.scenarios_file, recorded=model is not None)
        for each in chosen:
            callers.check(scenarios[each])
        return cls(times=times, target=target, llm=model, scenarios=scenarios, callers=callers)

    async def hold(self, planned: PlannedSuite, say: Callable[[str], None]) -> PlannedSuite:
        """Return the plan with its tries.

        Args:
            planned: the plan.
            say: called with a line before and after.
        """
        from ..cassettes.tape_file import is_cassette
        from ..rehearsal.model import load_model
        from ..rehearsal.tapes import Tapes
        from ..rehearsal.tries import Agent, hold_tries

        suite, tapes = planned.suite, Tapes()
        scenarios = sorted({run.scenario for run in planned.runs})
        known = [each for each in scenarios if each in self.scenarios]
        model = console_line(self.llm.name) if self.llm is not None else "the agent's own model"
        say(f"trying {counted(len(known), 'scenario')} in memory, {counted(self.times, 'time')} each, with {model}")
        if self.callers.shown:
            say(f"callers without a script are played by {console_line(self.callers.shown)}")
        agent = Agent(
            target=self.target,
            folder=suite.folder,
            suite=suite.name,
            model=lambda: load_model(self.llm, [suite.folder], tapes),
            callers=self.callers,
        )
        with _kept_apart():
            try:
                tries = await hold_tries(
                    planned.runs,
                    self.scenarios,
                    agent,
                    times=self.times,
                    seed=secrets.randbelow(2**31) if suite.seed is None else suite.seed,
                    # A cassette is written and read in one order.
                    at_once=1 if self.llm is not None and is_cassette(self.llm) else _at_once(suite),
                )
            finally:
                await self.callers.close()
        unknown = ", ".join(str(each) for each in scenarios if each not in self.scenarios)
        notes = [f"not tried in memory, since {suite.scenarios_file.name} does not have it: scenario {unknown}"]
        return replace(planned, tries=tries, notes=(*planned.notes, *(notes if unknown else [])))


def left_out_of(planned: PlannedSuite) -> dict[str, str]:
    """Return the cases that are not started because their scenario failed in memory, each with how it did."""
    from ..trigger.left_out import left_out

    return left_out(planned.runs, planned.tries, planned.suite.pass_rates())


def _at_once(suite: Suite) -> int:
    """Return the number of tries at a time: with `auto` one a core, since all of them run in this process."""
    from ..trigger.machine import usable_cores
    from ..trigger.plan.suite_values import AUTO

    return usable_cores() if suite.concurrency == AUTO else int(suite.concurrency)


@contextlib.contextmanager
def _kept_apart() -> Iterator[None]:
    """Keep what the agent prints off the terminal, and undo its changes of this process's environment."""
    from .console import captured_logs

    before = dict(os.environ)
    printed = bool(os.environ.get("CEKURA_KIT_DEBUG"))
    with contextlib.ExitStack() as stack:
        stack.enter_context(captured_logs(printed=printed))
        if not printed:
            nowhere: Any = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
