"""Shapes by what else they do in their room."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from livekit import api, rtc
from livekit.agents import JobContext, ToolError, function_tool, get_job_context, llm
from livekit.agents.voice.room_io import RoomOptions

from cekura_agent_kit import wrap_entrypoint

from .agents import Greeter, Plain, new_session, shape
from .models import InstantLLM


@shape("Welcome.")
@wrap_entrypoint
async def rpc_method(ctx: JobContext) -> None:
    await ctx.connect()

    async def ping(data: rtc.RpcInvocationData) -> str:
        return f"pong {data.payload}"

    ctx.room.local_participant.register_rpc_method("ping", ping)
    await new_session().start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def data_and_stream_handlers(ctx: JobContext) -> None:
    ctx.room.on("data_received", lambda _: None)
    ctx.room.register_text_stream_handler("orders", lambda *_: None)
    ctx.room.register_byte_stream_handler("images", lambda *_: None)
    await new_session().start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def dtmf_handler(ctx: JobContext) -> None:
    ctx.room.on("sip_dtmf_received", lambda _: None)
    await new_session().start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def own_attributes(ctx: JobContext) -> None:
    await ctx.connect()
    await ctx.room.local_participant.set_attributes({"tier": "gold"})
    await new_session().start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def video_input(ctx: JobContext) -> None:
    await new_session().start(Greeter(), room=ctx.room, room_options=RoomOptions(video_input=True))


class Seeing(Plain):
    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        new_message.content.append(llm.ImageContent(image="data:image/png;base64,AAAA"))


@shape(answer="You said hello.")
@wrap_entrypoint
async def vision(ctx: JobContext) -> None:
    await new_session().start(Seeing(), room=ctx.room)


class Operator(Plain):
    @function_tool
    async def transfer_call(self) -> str:
        """Transfer the caller to a telephone."""
        context = get_job_context()
        caller = next(iter(context.room.remote_participants))
        try:
            await context.api.sip.transfer_sip_participant(
                api.TransferSIPParticipantRequest(
                    room_name=context.room.name, participant_identity=caller, transfer_to="tel:+15550100"
                )
            )
        except api.TwirpError:
            raise ToolError("the call was not transferred") from None
        return "transferred"

    @function_tool
    async def dial(self) -> str:
        """Dial a telephone."""
        context = get_job_context()
        try:
            await context.api.sip.create_sip_participant(
                api.CreateSIPParticipantRequest(
                    sip_trunk_id="ST_none", sip_call_to="+15550100", room_name=context.room.name
                )
            )
        except api.TwirpError:
            raise ToolError("the number was not dialled") from None
        return "dialled"


@shape(say="call transfer_call", answer="The result is the call was not transferred.")
@wrap_entrypoint
async def sip_transfer(ctx: JobContext) -> None:
    await new_session().start(Operator(), room=ctx.room)


@shape(say="call dial", answer="The result is the number was not dialled.")
@wrap_entrypoint
async def sip_dial(ctx: JobContext) -> None:
    await new_session().start(Operator(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def egress(ctx: JobContext) -> None:
    """Recorded beside the call: a server without egress takes 20 s to say so."""
    request = api.RoomCompositeEgressRequest(
        room_name=ctx.room.name, audio_only=True, file_outputs=[api.EncodedFileOutput(filepath="call.ogg")]
    )

    async def record() -> None:
        with contextlib.suppress(api.TwirpError):
            await ctx.api.egress.start_room_composite_egress(request)

    await ctx.connect()
    ctx.proc.userdata["recording"] = asyncio.create_task(record())
    await new_session().start(Greeter(), room=ctx.room)


class OwnModel(Plain):
    def llm_node(self, chat_ctx: llm.ChatContext, tools: Any, model_settings: Any) -> Any:
        async def words() -> Any:
            yield "By my "
            yield "own node."

        return words()


@shape(answer="By my own node.")
@wrap_entrypoint
async def own_llm_node(ctx: JobContext) -> None:
    await new_session().start(OwnModel(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def llm_fallback_adapter(ctx: JobContext) -> None:
    model = llm.FallbackAdapter([InstantLLM(), InstantLLM()])
    await new_session(llm=model).start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def agents_own_llm(ctx: JobContext) -> None:
    await new_session(llm=None).start(Greeter(llm=InstantLLM()), room=ctx.room)


class Forgetful(Plain):
    async def on_enter(self) -> None:
        await self.session.say("Welcome.", add_to_chat_ctx=False)
        self.session.generate_reply(instructions="Greet. [by rule]")


@shape("Welcome.", "Welcome from the model. [by rule]")
@wrap_entrypoint
async def greeting_of_two_parts(ctx: JobContext) -> None:
    await new_session().start(Forgetful(), room=ctx.room)
