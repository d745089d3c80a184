"""The sandbox's scenario files, run in memory: one test for each scenario."""

from __future__ import annotations

import pytest

from ..errors import RehearsalError
from ..sandbox.cekura.scenarios import load_scenarios
from ..trigger.plan.suite import Suite
from ..worker.source import find_file
from .fixture import Rehearse, folders_of
from .rehearsed_scenario import RehearsedScenario
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
    callers = rehearse.callers(options.pop("callers", None))
    call = rehearse(options.pop("entrypoint"), scenario=number, **options | given)
    made = RehearsedScenario(number, scenario, call, callers)
    rehearse.rules.add_scenario(marker.args[0], number, scenario, made.line_use)
    return made
