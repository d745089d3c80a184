"""The sandbox's scenario files, run in memory: the same scenarios as in the sandbox and, by their ids, on Cekura."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import RehearsalError
from ..sandbox.cekura.evaluator import ChannelClosed, Evaluator, Judgement, Utterance
from ..sandbox.cekura.scenarios import Scenario, load_scenarios
from ..worker.module import find_file
from .fixture import folders_of

if TYPE_CHECKING:
    from .fixture import Rehearse
    from .rehearsal import Rehearsal

__tracebackhide__ = True


def parametrize(metafunc: pytest.Metafunc, marker: pytest.Mark) -> None:
    """One test a scenario: called ``30-Books a table``."""
    if "scenario" not in metafunc.fixturenames:
        raise RehearsalError(
            f"{metafunc.definition.nodeid} has the marker cekura_scenarios and does not take the fixture `scenario`",
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
    """The scenario that this test is."""
    marker = request.node.get_closest_marker("cekura_scenarios")
    if marker is None:
        raise RehearsalError(
            "the fixture `scenario` needs the marker cekura_scenarios",
            hint='write @pytest.mark.cekura_scenarios("scenarios.yaml", entrypoint="agent.py")',
        )
    options = {"entrypoint": "agent.py", **marker.kwargs}
    number, scenario = request.param
    return RehearsedScenario(number, scenario, rehearse(options.pop("entrypoint"), scenario=number, **options))


class RehearsedScenario:
    """One scenario, to be run against the agent."""

    def __init__(self, number: int, scenario: Scenario, call: Rehearsal) -> None:
        self.id = number
        """Its id in the file, and on Cekura."""
        self.scenario = scenario
        """What the evaluator says and wants to hear."""
        self.call = call
        """The rehearsal; once `run` has returned, with all that was said and done."""

    async def run(self) -> Judgement:
        """Hold the talk.

        Raises:
            AssertionError: a ``hear`` was not heard; the text says what was, instead.
        """
        async with self.call as call:
            judgement = await Evaluator(self.scenario, MemoryChannel(call)).talk()
        if not judgement.success:
            raise AssertionError(f"scenario {self.id}, {self.scenario.name}: {' '.join(judgement.explanation)}")
        return judgement

    def __repr__(self) -> str:
        return f"<scenario {self.id}: {self.scenario.name}>"


class MemoryChannel:
    """The evaluator's end of a talk in a room in memory (`sandbox.cekura.evaluator.Channel`)."""

    def __init__(self, call: Rehearsal) -> None:
        self.transcript: list[Utterance] = []
        self.agent_came = True
        self._call = call
        self._began = time.monotonic()
        self._next = 0

    async def say(self, text: str) -> None:
        """See `Line.say`."""
        if not self._call.room.isconnected():
            raise ChannelClosed("the agent left the room")
        self._next = len(self._call.heard)
        self._note("evaluator", text)
        self._call.speak(text)

    async def hear(self) -> str:
        """See `Line.hear`."""
        room = self._call.room
        while True:
            await room.until(lambda: self._complete() is not None or not room.isconnected(), timeout=None)
            words = self._complete()
            if words is None:
                raise ChannelClosed("the agent left the room")
            self._next += 1
            if words:
                self._note("agent", words)
                return words

    async def hang_up(self) -> None:
        """See `Line.hang_up`."""
        self._call.caller.leave()

    def _complete(self) -> str | None:
        heard = self._call.heard
        if len(heard) > self._next and heard[self._next].closed:
            return heard[self._next].text.strip()
        return None

    def _note(self, speaker: Any, text: str) -> None:
        now = time.monotonic() - self._began
        self.transcript.append(Utterance(speaker, text, now, now))
