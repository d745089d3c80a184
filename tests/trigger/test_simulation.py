"""`userdata` of a scenario: the agent finds it by its simulation context, as in LiveKit's simulator."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import json_format
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, get_job_context
from livekit.protocol import agent_simulation

from cekura_agent_kit import Mode
from cekura_agent_kit.rehearsal.scenario_state import given_to
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.rooms.room import Room
from cekura_agent_kit.trigger.timing import Timing

SCENARIOS = """
30:
  name: One slot is free
  talk: [{say: hello}]
  tags: ["feature:calendar", smoke]
  userdata: {slots: ["2026-06-15T10:00"]}
31: {name: Nothing, talk: [{say: hello}]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "cekura.scenarios.yaml").write_text(SCENARIOS)
    return tmp_path / "cekura.scenarios.yaml"


def suite_of(file: Path, mode: str) -> Suite:
    suite = file.with_name("cekura.yaml")
    suite.write_text(f"agent_name: a\nmode: {mode}\nruns: [{{scenario: 30}}, {{scenario: 31}}]\n")
    return Suite.load(suite)


@pytest.mark.parametrize("mode", list(Mode))
def test_the_job_of_a_run_has_it_as_livekits_simulator_sends_it(file: Path, mode: Mode) -> None:
    seeded, other = suite_of(file, mode).plan()
    (sent,) = seeded.job_attributes.values()
    assert list(seeded.job_attributes) == ["lk.simulator.dispatch"]
    dispatch = json_format.Parse(sent, agent_simulation.SimulationDispatch())
    assert dispatch.scenario.label == "One slot is free"
    assert dict(dispatch.scenario.tags) == {"feature": "calendar", "smoke": ""}
    assert agent_simulation.SimulationMode.Name(dispatch.mode).endswith("TEXT" if mode is Mode.TEXT else "AUDIO")
    assert other.job_attributes == {}


async def test_the_job_is_dispatched_with_it(file: Path) -> None:
    sent = []

    class LiveKit:
        async def dispatch(self, *_: object, attributes: dict[str, str] | None, **__: object) -> str:
            sent.append(attributes)
            raise OSError("sent")

    suite = suite_of(file, "text")
    for planned in suite.plan():
        with pytest.raises(OSError, match="sent"):
            await Room(LiveKit(), Timing(), planned, suite, lambda: 0.0).dispatch_agent("a", "{}")  # type: ignore[arg-type]
    assert sent == [suite.plan()[0].job_attributes, None]


server = AgentServer()


@server.rtc_session(agent_name="calendar")
async def calendar(ctx: JobContext) -> None:
    session: AgentSession[None] = AgentSession()
    await session.start(agent=Agent(instructions="You offer times."), room=ctx.room)
    simulation = get_job_context().simulation_context()
    slots = simulation.userdata()["slots"] if simulation is not None else "no simulation"
    await session.say(f"Free: {slots}")


@pytest.mark.parametrize(("number", "said"), [(30, "Free: ['2026-06-15T10:00']"), (31, "Free: no simulation")])
async def test_an_agent_in_memory_finds_it(rehearse, file: Path, number: int, said: str) -> None:  # type: ignore[no-untyped-def]
    given = given_to(number, load_scenarios(file)[number], None, {})
    async with rehearse(server, **given) as call:
        assert (await call.greeting()).text == said
