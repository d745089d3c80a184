"""A worker whose agent does what its job's metadata says (``{"behave": …}``): the ways in which agents go wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    JobExecutorType,
    StopResponse,
    cli,
    function_tool,
    get_job_context,
    llm,
)
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice.room_io import RoomOptions
from livekit.rtc._ffi_client import FfiClient

from cekura_agent_kit import check, current_call, wrap_entrypoint
from cekura_agent_kit.contract import ERROR_ATTRIBUTE, KIT_ATTRIBUTE, MODE_ATTRIBUTE, PROOF_ATTRIBUTE, TEXT_ONLY

if os.environ.get("AGENT_FAILS") == "import":
    import a_module_that_is_not_there  # type: ignore[import-not-found]  # noqa: F401


class Parrot(llm.LLM[Any]):
    """Says what it heard; books where it hears of a table; is slow or dies where it is told to."""

    def chat(self, *, chat_ctx: llm.ChatContext, tools: Any = None, **_: Any) -> llm.LLMStream:
        return _Words(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=DEFAULT_API_CONNECT_OPTIONS)


class _Words(llm.LLMStream):
    async def _run(self) -> None:
        last = self._chat_ctx.items[-1]
        delta = llm.ChoiceDelta(role="assistant")
        if last.type == "function_call_output":
            delta.content = f"It is done: {last.output}."
        elif last.type == "message":
            words = last.text_content or ""
            if "crash" in words:
                os._exit(13)
            if "slowly" in words:
                await asyncio.sleep(1.5)
            if "table" in words:
                delta.tool_calls = [llm.FunctionToolCall(name="book", arguments='{"people": 2}', call_id="call_1")]
            else:
                delta.content = f"You said: {words}"
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=delta))


class Host(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Say what you heard.")

    async def on_enter(self) -> None:
        self.session.say("Welcome to the test.")

    @function_tool
    async def book(self, people: int) -> str:
        """Book a table.

        Args:
            people: how many come
        """
        return f"a table for {people} is booked"


# livekit makes its native client on first use, without a lock: two jobs that begin at once in two threads make two, and
# then a connect hangs, or the process ends (livekit 1.1.21).
_ = FfiClient.instance

# Threads start at once. A server gives no job to a worker that reports full load, as one does on a busy machine.
server = AgentServer(
    job_executor_type=JobExecutorType[os.environ.get("AGENT_EXECUTOR", "PROCESS")],
    num_idle_processes=int(os.environ.get("AGENT_IDLE", "2")),
    load_fnc=lambda *_: 0.0,
    port=int(os.environ.get("AGENT_PORT", "0")),
)


async def talk(ctx: JobContext) -> None:
    await ctx.connect()
    session: AgentSession[Any] = AgentSession(llm=Parrot())
    await session.start(agent=Host(), room=ctx.room)


async def talk_without_speech(ctx: JobContext) -> None:
    """As an agent that is not wrapped, in text by its own options."""
    await ctx.connect()
    session: AgentSession[Any] = AgentSession(llm=Parrot())
    options = RoomOptions(audio_input=False, audio_output=False)
    await session.start(agent=Host(), room=ctx.room, room_options=options)


async def kit_0_1(ctx: JobContext) -> None:
    """As an agent with a kit of 0.1: it shows its mode and its proof, and verifies no signature."""
    mode = json.loads(ctx.job.metadata).get("text_mode")
    await ctx.connect()
    if mode is not None:
        odd = {ERROR_ATTRIBUTE: "text_mode is odd"} if mode == "yes" else {PROOF_ATTRIBUTE: TEXT_ONLY}
        await ctx.room.local_participant.set_attributes({KIT_ATTRIBUTE: "0.1.0", MODE_ATTRIBUTE: "text", **odd})
    session: AgentSession[Any] = AgentSession(llm=Parrot())
    options = RoomOptions(audio_input=False, audio_output=False)
    await session.start(agent=Host(), room=ctx.room, room_options=options)


async def wait_first(ctx: JobContext) -> None:
    await ctx.connect()
    await ctx.wait_for_participant()
    await talk(ctx)


async def raise_at_once(ctx: JobContext) -> None:
    raise RuntimeError("no database")


async def return_at_once(ctx: JobContext) -> None:
    return


async def die(ctx: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


async def never_connect(ctx: JobContext) -> None:
    await asyncio.sleep(300)


async def leave_soon(ctx: JobContext) -> None:
    await talk(ctx)
    await asyncio.sleep(1.5)
    ctx.shutdown("leaves")


class Mute(Host):
    async def on_user_turn_completed(self, *_: Any) -> None:
        raise StopResponse


async def talk_without_answers(ctx: JobContext) -> None:
    await ctx.connect()
    session: AgentSession[Any] = AgentSession(llm=Parrot())
    await session.start(agent=Mute(), room=ctx.room)


class Informed(Host):
    """Says what the vendor's package, and ours, tell it of its test."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__()
        self.said = said

    async def on_enter(self) -> None:
        self.session.say(f"Welcome. {json.dumps(self.said)}")


async def talk_of_its_state(ctx: JobContext) -> None:
    from cekura.livekit import LiveKitTracer

    tracer = LiveKitTracer(api_key="key", agent_id=7, enable_otel_traces=False)
    before = tracer.get_simulation_data(ctx)
    await ctx.connect()
    call = current_call()
    assert call is not None, "it is a test"
    said = {
        "is_simulation": tracer.is_simulation_call(ctx),
        "before": before,
        "after": tracer.get_simulation_data(ctx),
        "room": ctx.room.metadata,
        "call": [call.test_profile_data, call.room_metadata, call.entry, call.seed],
    }
    session: AgentSession[Any] = AgentSession(llm=Parrot())
    await session.start(agent=Informed(said), room=ctx.room)


class Accountant(Agent):
    @function_tool
    async def book(self, people: int) -> str:
        """Book a table."""
        check("enough chairs", people < 5, f"{people} people")
        return f"a table for {people} is booked"


async def talk_and_check(ctx: JobContext) -> None:
    await ctx.connect()
    session: AgentSession[Any] = AgentSession(llm=Parrot())
    await session.start(agent=Accountant(instructions=""), room=ctx.room)


async def look_back(ctx: JobContext) -> None:
    if _behaviour(ctx) == "check":
        await asyncio.sleep(0.2)
        check("the calendar has the booking", [], "it is empty")


class Rude(Agent):
    @function_tool
    async def book(self, people: int) -> str:
        """Book a table."""
        await get_job_context().delete_room()
        return "not booked"


async def hang_up(ctx: JobContext) -> None:
    await ctx.connect()
    session: AgentSession[Any] = AgentSession(llm=Parrot())
    await session.start(agent=Rude(instructions=""), room=ctx.room)


def _behaviour(ctx: JobContext) -> str:
    return str(json.loads(ctx.job.metadata or "{}").get("behave", "talk"))


BEHAVIOURS = {
    "check": wrap_entrypoint(talk_and_check),
    "hang_up": wrap_entrypoint(hang_up),
    "informed": wrap_entrypoint(talk_of_its_state),
    "mute": wrap_entrypoint(talk_without_answers),
    "talk": wrap_entrypoint(talk),
    "unwrapped": talk_without_speech,
    "kit_0_1": kit_0_1,
    "wait_first": wrap_entrypoint(wait_first),
    "raise": wrap_entrypoint(raise_at_once),
    "raise_unwrapped": raise_at_once,
    "return": return_at_once,
    "die": die,
    "never_connect": never_connect,
    "leave_soon": wrap_entrypoint(leave_soon),
}


@server.rtc_session(agent_name=os.environ.get("AGENT_NAME", "test-agent"), on_session_end=look_back)
async def entrypoint(ctx: JobContext) -> None:
    await BEHAVIOURS[_behaviour(ctx)](ctx)


if __name__ == "__main__":
    if os.environ.get("AGENT_FAILS") == "exit":
        sys.exit("it will not start")
    cli.run_app(server)
