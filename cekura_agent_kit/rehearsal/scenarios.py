"""The sandbox's scenario files, run in memory: one test for each scenario."""

from __future__ import annotations

import pytest

from ..errors import RehearsalError
from ..sandbox.cekura.evaluator import Evaluator, Judgement
from ..sandbox.cekura.line_use import LineUse
from ..sandbox.cekura.scenarios import Scenario, load_scenarios
from ..trigger.plan.suite import Suite
from ..worker.source import find_file
from .fixture import Rehearse, folders_of
from .memory_channel import MemoryChannel
from .rehearsal import Rehearsal
from .scenario_state import given_to, planned_run

__tracebackhide__ = True


def parametrize(metafunc: pytest.Metafunc, marker: pytest.Mark) -> None:
    """Make one test of each scenario, named ``30-Books a table``."""
    if "scenario" not in metafunc.fixturenames:
        raise RehearsalError(
            f"{metafunc.definition.nodeid} has the marker cekura_scenarios and not the fixture `scenario`",
            hint="write `async def test_scenario(scenario): await scenario.run()`",
        )
    path = find_file(marker.args[0], list(folders_of(metafunc.definition.path, metafunc.config)))
    scenarios = load_scenarios(path)
    metafunc.parametrize(
        "scenario",
        [(number, scenario) for number, scenario in scenarios.items()],
        ids=[f"{number}-{scenario.name}" for number, scenario in scenarios.items()],
        indirect=True,
    )


def scenario_of(request: pytest.FixtureRequest, rehearse: Rehearse) -> RehearsedScenario:
    """Return the scenario of a test."""
    marker = request.node.get_closest_marker("cekura_scenarios")
    if marker is None:
        raise RehearsalError(
            "the fixture `scenario` needs the marker cekura_scenarios",
            hint='write @pytest.mark.cekura_scenarios("cekura.scenarios.yaml", entrypoint="agent.py")',
        )
    number, scenario = request.param
    options = {"entrypoint": "agent.py", **marker.kwargs}
    suite = options.pop("suite", None)
    planned = None if suite is None else planned_run(Suite.load(find_file(suite, rehearse.folders)), number)
    given = given_to(number, scenario, planned, options)
    call = rehearse(options.pop("entrypoint"), scenario=number, **options | given)
    made = RehearsedScenario(number, scenario, call)
    rehearse.rules.add_scenario(marker.args[0], number, scenario, made.line_use)
    return made


class RehearsedScenario:
    """One scenario, to be run against the agent.

    Attributes:
        id: its id in the file, and on Cekura.
        scenario: what the evaluator says and expects to hear.
        call: the rehearsal.
        line_use: the lines of the scenario that were of use.
    """

    def __init__(self, number: int, scenario: Scenario, call: Rehearsal) -> None:
        self.id = number
        self.scenario = scenario
        self.call = call
        self.line_use = LineUse()

    async def run(self) -> Judgement:
        """Let the evaluator talk with the agent.

        Raises:
            AssertionError: an expectation of the scenario does not hold; the text has what the agent said.
        """
        async with self.call as call:
            judgement = await Evaluator(self.scenario, MemoryChannel(call), self.line_use).run()
        if not judgement.success:
            raise AssertionError(f"scenario {self.id}, {self.scenario.name}: {' '.join(judgement.explanation)}")
        return judgement

    def __repr__(self) -> str:
        return f"<scenario {self.id}: {self.scenario.name}>"
