"""The sandbox's scenario files, run in memory: one test for each scenario."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ..errors import RehearsalError
from ..sandbox.cekura.evaluator import Evaluator, Judgement
from ..sandbox.cekura.scenarios import Scenario, load_scenarios
from ..sandbox.channels.channel import ChannelClosed, Utterance
from ..trigger.planned_run import PlannedRun
from ..trigger.suite import Suite
from ..trigger.suite_values import seed_of
from ..worker.source import find_file
from .fixture import Rehearse, folders_of
from .rehearsal import Rehearsal

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
    return RehearsedScenario(number, scenario, rehearse(options.pop("entrypoint"), scenario=number, **options | given))


def planned_run(suite: Suite, scenario: int) -> PlannedRun | None:
    """Return the suite's first run of a scenario, with its seed if the suite has one; None if it has no such run."""
    planned = next((planned for planned in suite.plan() if planned.scenario == scenario), None)
    if planned is None or planned.seed is not None or suite.seed is None:
        return planned
    return replace(planned, seed=suite.seed)


def given_to(number: int, scenario: Scenario, planned: PlannedRun | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the agent is given in a scenario's test.

    Args:
        number: id of the scenario.
        scenario: of the scenario file.
        planned: its run in a suite.
        options: of the marker; they win, in `tools` tool by tool.
    """
    given: dict[str, Any] = {"tools": scenario.tools, "test_profile": False, "seed": None}
    if planned is not None:
        for key in ("metadata", "room_metadata", "test_profile", "tools", "seed"):
            given[key] = getattr(planned, key)
    given |= {key: value for key, value in options.items() if key in given and key != "tools"}
    given["tools"] = {**given["tools"], **(options.get("tools") or {})}
    if isinstance(given["test_profile"], bool):
        given["test_profile"] = scenario.profile if given["test_profile"] else None
    if given["seed"] is not None:
        given["seed"] = seed_of(given["seed"], f"{number}#1")
    return given


class RehearsedScenario:
    """One scenario, to be run against the agent.

    Attributes:
        id: its id in the file, and on Cekura.
        scenario: what the evaluator says and expects to hear.
        call: the rehearsal.
    """

    def __init__(self, number: int, scenario: Scenario, call: Rehearsal) -> None:
        self.id = number
        self.scenario = scenario
        self.call = call

    async def run(self) -> Judgement:
        """Let the evaluator talk with the agent.

        Raises:
            AssertionError: a ``hear`` of the scenario was not heard; the text has what the agent said.
        """
        async with self.call as call:
            judgement = await Evaluator(self.scenario, MemoryChannel(call)).run()
        if not judgement.success:
            raise AssertionError(f"scenario {self.id}, {self.scenario.name}: {' '.join(judgement.explanation)}")
        return judgement

    def __repr__(self) -> str:
        return f"<scenario {self.id}: {self.scenario.name}>"


class MemoryChannel:
    """The evaluator's channel in a rehearsal (`sandbox.channels.channel.Channel`)."""

    goodbye_wait = 1.0

    def __init__(self, call: Rehearsal) -> None:
        self.transcript: list[Utterance] = []
        self.agent_came = True
        self._call = call
        self._began = time.monotonic()
        self._next = 0

    async def say(self, text: str) -> None:
        """See `Channel.say`."""
        self._require_agent()
        self._next = len(self._call.heard)
        self._note("evaluator", text)
        self._call.speak(text)

    async def hear(self) -> str:
        """See `Channel.hear`."""
        room = self._call.room
        while True:
            await room.until(lambda: self._complete() is not None or self._is_closed(), timeout=None)
            words = self._complete()
            if words is None:
                self._require_agent()
                continue
            self._next += 1
            if words:
                self._note("agent", words)
                return words

    async def settle(self) -> None:
        """See `Channel.settle`. In memory all has arrived."""

    async def hang_up(self) -> None:
        """See `Channel.hang_up`."""
        self._call.caller.leave()

    def _is_closed(self) -> bool:
        return not self._call.room.isconnected() or not self._call.caller.present

    def _require_agent(self) -> None:
        if not self._call.room.isconnected():
            raise ChannelClosed("the agent left the room")
        if not self._call.caller.present:
            raise ChannelClosed("the agent removed the caller")

    def _complete(self) -> str | None:
        heard = self._call.heard
        if len(heard) > self._next and heard[self._next].closed:
            return heard[self._next].text.strip()
        return None

    def _note(self, speaker: Any, text: str) -> None:
        now = time.monotonic() - self._began
        self.transcript.append(Utterance(speaker, text, now, now))
