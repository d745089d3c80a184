"""State that a test gives to the agent, in memory; what the vendor's package returns of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, JobContext

from cekura_agent_kit import Call, current_call, wrap_entrypoint
from cekura_agent_kit.errors import MetadataError, RehearsalError
from cekura_agent_kit.rehearsal.fixture import Rehearse
from tests.shapes.models import InstantLLM

PROFILE = {
    "main_agent_variables": {"name": "Zoë", "tier": 3},
    "testing_agent_variables": {"secret": "of the evaluator"},
}
CONFIG = {"persona": "host", "languages": ["en", "de"]}
SEEN: dict[str, Any] = {}


@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    SEEN.clear()
    SEEN["call"] = current_call()
    SEEN["job before"], SEEN["room before"] = ctx.job.room.metadata, ctx.room.metadata
    SEEN["vendor before"] = simulation_data(ctx)
    await ctx.connect()
    SEEN["job after"], SEEN["room after"] = ctx.job.room.metadata, ctx.room.metadata
    SEEN["vendor after"] = simulation_data(ctx)
    session: AgentSession[Any] = AgentSession(llm=InstantLLM())
    await session.start(Agent(instructions=""), room=ctx.room)


def simulation_data(ctx: JobContext) -> tuple[bool, Mapping[str, Any]]:
    """Return what the vendor's functions return for this job; nothing if its package is not installed."""
    try:
        from cekura.livekit import LiveKitTracer
    except ImportError:
        return False, {}
    tracer = LiveKitTracer(api_key="key", agent_id=7, enable_otel_traces=False)
    return tracer.is_simulation_call(ctx), tracer.get_simulation_data(ctx)


async def seen(rehearse: Rehearse, **given: Any) -> Call:
    async with rehearse(entrypoint, **given):
        pass
    call = SEEN["call"]
    assert isinstance(call, Call)
    return call


async def test_the_vendors_functions_return_what_they_return_in_cekuras_rooms(rehearse: Rehearse) -> None:
    """As the package documents it: ids and profile of the job's metadata, the room's metadata as its configuration."""
    pytest.importorskip("cekura.livekit")
    given = {"metadata": {"tier": "gold"}, "scenario": 5501, "test_profile": PROFILE, "room_metadata": CONFIG}
    call = await seen(rehearse, **given)
    for moment in ("before", "after"):
        is_simulation, data = SEEN[f"vendor {moment}"]
        assert is_simulation
        assert data["scenario_id"] == 5501
        assert data["test_profile_data"] == {"name": "Zoë", "tier": 3}
        if version("cekura") != "1.6.0":  # it reads no metadata of the room
            assert data["additional_config"] == CONFIG
        assert data["tier"] == "gold"
    assert "the evaluator" not in json.dumps(call.metadata)


async def test_the_rooms_metadata_is_there_before_and_after_connecting_as_in_a_real_room(rehearse: Rehearse) -> None:
    await seen(rehearse, room_metadata=json.dumps(CONFIG))
    assert [json.loads(SEEN[each]) for each in ("job before", "job after", "room after")] == [CONFIG] * 3
    # As the native client has it: the job's snapshot alone is known before the room is connected.
    assert SEEN["room before"] == ""


async def test_the_call_has_the_given_state(rehearse: Rehearse) -> None:
    call = await seen(rehearse, test_profile={"name": "flat"}, room_metadata={**CONFIG, "cekura_kit": {"suite": "x"}})
    assert call.test_profile_data == {"name": "flat"}
    assert call.room_metadata == CONFIG


async def test_without_given_state_there_is_none(rehearse: Rehearse) -> None:
    call = await seen(rehearse)
    assert (call.test_profile_data, call.room_metadata, SEEN["room after"]) == (None, {}, "")
    assert "additional_config" not in SEEN["vendor after"][1]


async def test_metadata_of_its_own_wins_over_the_scenarios_id(rehearse: Rehearse) -> None:
    call = await seen(rehearse, metadata={"scenario_id": 9}, scenario=5501)
    assert (call.scenario_id, call.metadata["scenario_id"]) == (5501, 9)


async def test_a_seed_is_given_or_another_one_each_time(rehearse: Rehearse) -> None:
    assert (await seen(rehearse, seed=0)).seed == 0
    assert (await seen(rehearse, seed=7)).seed == 7
    random = [(await seen(rehearse)).seed for _ in range(3)]
    assert len(set(random)) > 1


async def test_a_failed_test_prints_the_seed(rehearse: Rehearse) -> None:
    await seen(rehearse, seed=4711)
    ((_, text),) = rehearse.sections()
    assert "seed: 4711; rehearse(…, seed=4711) gives the agent the same one again" in text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"test_profile": {"main_agent_variables": "Ada"}},
            'test_profile: main_agent_variables is "Ada", not a mapping',
        ),
        ({"room_metadata": "[1]"}, "room_metadata '[1]' is not a JSON object"),
        ({"metadata": "{"}, "metadata '{' is not a JSON object"),
    ],
)
def test_what_cannot_be_given_is_refused_where_it_is_written(
    rehearse: Rehearse, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(RehearsalError) as raised:
        rehearse(entrypoint, **given)
    assert str(raised.value) == says


def test_a_profile_too_large_for_metadata_is_refused_with_both_sizes(rehearse: Rehearse) -> None:
    with pytest.raises(MetadataError, match=r"job metadata: \d{6} bytes, and that of a test has 64000 at most"):
        rehearse(entrypoint, test_profile={"notes": "x" * 120_000})
