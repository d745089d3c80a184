"""An agent ends its call as LiveKit's examples do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from livekit import api
from livekit.agents import Agent, AgentSession, JobContext, RunContext, function_tool, get_job_context
from livekit.agents.beta.tools import EndCallTool

from cekura_agent_kit.errors import RehearsalError
from cekura_agent_kit.rehearsal.fixture import Rehearse
from cekura_agent_kit.rehearsal.memory_channel import MemoryChannel
from cekura_agent_kit.rehearsal.transcript import report
from cekura_agent_kit.sandbox.channels.channel import ChannelClosed

from .restaurant import RuleModel

HangUp = Callable[[JobContext], Awaitable[Any]]


async def delete_by_context_api(ctx: JobContext) -> None:
    await ctx.api.room.delete_room(api.DeleteRoomRequest(room=ctx.room.name))


async def delete_by_own_api(ctx: JobContext) -> None:
    async with api.LiveKitAPI() as livekit:
        await livekit.room.delete_room(api.DeleteRoomRequest(room=ctx.room.name))


async def delete_by_context(ctx: JobContext) -> None:
    await ctx.delete_room()


async def delete_in_a_task(ctx: JobContext) -> None:
    task = asyncio.create_task(delete_by_context_api(ctx))
    ctx.proc.userdata["task"] = task


async def remove_the_caller(ctx: JobContext) -> None:
    listed = await ctx.api.room.list_participants(api.ListParticipantsRequest(room=ctx.room.name))
    (caller,) = (each for each in listed.participants if each.kind != api.ParticipantInfo.Kind.AGENT)
    await ctx.api.room.remove_participant(api.RoomParticipantIdentity(room=ctx.room.name, identity=caller.identity))


async def leave(ctx: JobContext) -> None:
    await ctx.room.disconnect()


async def shut_down(ctx: JobContext) -> None:
    ctx.shutdown("done")


async def delete_in_a_shutdown_callback(ctx: JobContext) -> None:
    ctx.add_shutdown_callback(lambda: delete_by_context_api(ctx))
    ctx.shutdown("done")


WAYS: list[HangUp] = [
    delete_by_context_api,
    delete_by_own_api,
    delete_by_context,
    delete_in_a_task,
    remove_the_caller,
    leave,
    shut_down,
    delete_in_a_shutdown_callback,
]


def agent_that(hang_up: HangUp, log: list[str]) -> Callable[[JobContext], Awaitable[None]]:
    class Desk(Agent):
        def __init__(self) -> None:
            super().__init__(instructions="")

        @function_tool
        async def bye(self, context: RunContext[Any]) -> None:
            """Say goodbye and hang up."""
            await context.session.say("Goodbye.")
            await hang_up(get_job_context())

    async def entrypoint(ctx: JobContext) -> None:
        async def on_shutdown() -> None:
            log.append("shut down")

        ctx.add_shutdown_callback(on_shutdown)
        await AgentSession[None](llm=RuleModel()).start(Desk(), room=ctx.room)

    return entrypoint


@pytest.mark.parametrize("hang_up", WAYS, ids=lambda way: way.__name__)
async def test_each_way_of_hanging_up(rehearse: Rehearse, hang_up: HangUp) -> None:
    log: list[str] = []
    async with rehearse(agent_that(hang_up, log)) as call:
        turn = await call.say("bye")
        assert turn.text == "Goodbye."
        await call.ended()
        assert call.over
        assert log == ["shut down"]
        with pytest.raises(RehearsalError, match="the call is over"):
            await call.say("hello?")
    assert log == ["shut down"]


async def test_after_end_call_tool_the_call_is_over(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        desk = Agent(instructions="", tools=[EndCallTool()])
        await AgentSession[None](llm=RuleModel()).start(desk, room=ctx.room)

    async with rehearse(entrypoint) as call:
        turn = await call.say("end_call")
        assert turn.text.startswith("It is say goodbye")
        assert call.over
        await call.ended()
        assert [request.name for request in call.requests] == ["RoomService.DeleteRoom"]


@pytest.mark.parametrize(
    ("hang_up", "says"), [(remove_the_caller, "the agent removed the caller"), (leave, "the agent left the room")]
)
async def test_a_scenario_knows_that_the_call_is_over(rehearse: Rehearse, hang_up: HangUp, says: str) -> None:
    async with rehearse(agent_that(hang_up, [])) as call:
        await call.greeting()
        channel = MemoryChannel(call)
        await channel.say("bye")
        assert await channel.hear() == "Goodbye."
        with pytest.raises(ChannelClosed, match=says):
            await channel.hear()
        with pytest.raises(ChannelClosed, match=says):
            await channel.say("hello?")


async def test_an_agent_that_does_not_hang_up_is_named(rehearse: Rehearse) -> None:
    async with rehearse("restaurant.py") as call:
        await call.greeting()
        call.timeout = 0.3
        with pytest.raises(RehearsalError, match=r"the agent has not ended the call within 0\.3 s"):
            await call.ended()


async def test_a_shutdown_callback_that_fails_is_raised_by_the_wait_for_the_end(rehearse: Rehearse) -> None:
    async def hang_up(ctx: JobContext) -> None:
        async def fail() -> None:
            raise ZeroDivisionError("at the end")

        ctx.add_shutdown_callback(fail)
        ctx.shutdown("done")

    with pytest.raises(ZeroDivisionError, match="at the end"):  # noqa: PT012
        async with rehearse(agent_that(hang_up, [])) as call:
            await call.say("bye")
            await call.ended()


async def test_what_a_server_alone_refuses_is_told_by_the_report(rehearse: Rehearse) -> None:
    raised: list[BaseException] = []

    async def transfer(ctx: JobContext) -> None:
        try:
            await ctx.add_sip_participant(call_to="+123", trunk_id="ST_x", participant_identity="phone")
        except api.TwirpError as error:
            raised.append(error)

    async with rehearse(agent_that(transfer, [])) as call:
        await call.say("bye")
        assert "sip not connected (redis required)" in str(raised[0])
        assert "leave the request out of a test" in raised[0].__notes__[0]
        assert "asked LiveKit: SIP.CreateSIPParticipant, refused: twirp error unknown: sip not " in report(call)
        assert "; a rehearsal is a server alone, without SIP, egress and ingress" in report(call)


async def test_the_agent_changes_the_room(rehearse: Rehearse) -> None:
    async def update(ctx: JobContext) -> None:
        await ctx.api.room.update_room_metadata(api.UpdateRoomMetadataRequest(room=ctx.room.name, metadata="recorded"))
        await ctx.api.room.update_participant(
            api.UpdateParticipantRequest(room=ctx.room.name, identity="caller", attributes={"tier": "gold"})
        )
        await ctx.api.room.send_data(api.SendDataRequest(room=ctx.room.name, data=b"1", topic="t"))

    async with rehearse(agent_that(update, [])) as call:
        await call.say("bye")
        assert call.room.metadata == "recorded"
        assert call.caller.participant.attributes["tier"] == "gold"
        assert [packet.payload for packet in call.caller.packets if packet.topic == "t"] == [b"1"]
        assert not call.over
