"""Shapes by how their session starts, or does not."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, AutoSubscribe, JobContext
from livekit.agents.voice.room_io import RoomOptions

from cekura_agent_kit import wrap_entrypoint

from .agents import Greeter, Plain, new_session, shape
from .models import InstantLLM


@shape("Welcome.")
@wrap_entrypoint
async def participant_entrypoint(ctx: JobContext) -> None:
    async def serve(ctx: JobContext, _: rtc.RemoteParticipant) -> None:
        await new_session().start(Greeter(), room=ctx.room)

    ctx.add_participant_entrypoint(serve)
    await ctx.connect()


@shape("Welcome.")
@wrap_entrypoint
async def session_in_a_handler(ctx: JobContext) -> None:
    def on_participant(_: rtc.RemoteParticipant) -> None:
        ctx.proc.userdata["start"] = asyncio.create_task(new_session().start(Greeter(), room=ctx.room))

    ctx.room.on("participant_connected", on_participant)
    await ctx.connect()


@shape("Welcome.")
@wrap_entrypoint
async def session_in_a_task(ctx: JobContext) -> None:
    await ctx.connect()
    ctx.proc.userdata["start"] = asyncio.create_task(new_session().start(Greeter(), room=ctx.room))


@shape("Welcome.")
@wrap_entrypoint
async def session_by_a_timer(ctx: JobContext) -> None:
    def begin() -> None:
        ctx.proc.userdata["start"] = asyncio.create_task(new_session().start(Greeter(), room=ctx.room))

    await ctx.connect()
    asyncio.get_running_loop().call_later(0.05, begin)


class Service:
    """An entrypoint that is a method."""

    @wrap_entrypoint
    async def serve(self, ctx: JobContext) -> None:
        await new_session().start(Greeter(), room=ctx.room)


service = Service()


@shape("Welcome.")
@wrap_entrypoint
async def method(ctx: JobContext) -> None:
    await service.serve(ctx)


@shape("Welcome.")
@wrap_entrypoint
async def audio_only_subscription(ctx: JobContext) -> None:
    await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
    await new_session().start(Greeter(), room=ctx.room)


class OwnSession(AgentSession[Any]):
    async def start(self, *args: Any, **kwargs: Any) -> Any:
        return await super().start(*args, **kwargs)


@shape("Welcome.")
@wrap_entrypoint
async def session_subclass(ctx: JobContext) -> None:
    await OwnSession(llm=InstantLLM(), vad=None).start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def recorded_session(ctx: JobContext) -> None:
    await new_session().start(Greeter(), room=ctx.room, record=True)


@shape("Welcome.")
@wrap_entrypoint
async def shutdown_callback(ctx: JobContext) -> None:
    async def save() -> None:
        ctx.proc.userdata["saved"] = True

    ctx.add_shutdown_callback(save)
    await new_session().start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def entrypoint_that_never_returns(ctx: JobContext) -> None:
    await new_session().start(Greeter(), room=ctx.room)
    await asyncio.Event().wait()


@shape("You said run.")
@wrap_entrypoint
async def session_run_as_a_greeting(ctx: JobContext) -> None:
    session = new_session()
    await session.start(Plain(), room=ctx.room)
    await session.run(user_input="run")


@shape("Welcome.")
@wrap_entrypoint
async def delete_room_on_close(ctx: JobContext) -> None:
    options = RoomOptions(delete_room_on_close=True, close_on_disconnect=False)
    await new_session().start(Greeter(), room=ctx.room, room_options=options)


@shape(refused="LookupError: no such tenant: acme")
@wrap_entrypoint
async def raises(ctx: JobContext) -> None:
    raise LookupError("no such tenant: acme")


@shape(refused="the entrypoint returned without a session, and left nothing that could start one")
@wrap_entrypoint
async def no_session(ctx: JobContext) -> None:
    await ctx.connect()
