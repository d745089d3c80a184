"""Entrypoints that show one thing each; not shapes of agents, so not in the table."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from typing import Any

from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    AgentTask,
    ConversationItemAddedEvent,
    JobContext,
    StopResponse,
    function_tool,
    get_job_context,
    llm,
)
from livekit.agents.voice.room_io import RoomOptions

from cekura_agent_kit import current_call, wrap_entrypoint
from cekura_agent_kit.contract import ENDED_ATTRIBUTE

from .agents import First, Greeter, Plain, Retriever, Second, Voiced, WithTask, new_session
from .models import InstantLLM, called

PROBES: dict[str, Callable[[JobContext], Awaitable[None]]] = {}


def probe(entrypoint: Any) -> Any:
    """Add an entrypoint to `PROBES` under its name."""
    PROBES[entrypoint.__name__] = entrypoint
    return entrypoint


@probe
@wrap_entrypoint
async def raises_before_connecting(ctx: JobContext) -> None:
    raise LookupError("no such tenant: acme")


@probe
@wrap_entrypoint
async def raises_after_start(ctx: JobContext) -> None:
    await new_session().start(Plain(), room=ctx.room)
    raise LookupError("no such tenant: acme")


async def publish_audio(ctx: JobContext) -> None:
    source = rtc.AudioSource(24000, 1)
    await ctx.room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("jingle", source))


@probe
@wrap_entrypoint
async def publishes_audio_before(ctx: JobContext) -> None:
    await ctx.connect()
    await publish_audio(ctx)
    with contextlib.suppress(Exception):
        await new_session().start(Greeter(), room=ctx.room)


@probe
@wrap_entrypoint
async def publishes_audio_after(ctx: JobContext) -> None:
    await new_session().start(Plain(), room=ctx.room)
    await publish_audio(ctx)


class Stubborn(AgentSession[Any]):
    """A session that will not be silent."""

    @property
    def _text_only(self) -> bool:
        return False


@probe
@wrap_entrypoint
async def will_not_be_silent(ctx: JobContext) -> None:
    session = Stubborn(llm=InstantLLM(), vad=None)
    await session.start(Second(), room=ctx.room)


class Specialist(Plain):
    """Has no speech models of its own, so that it can be handed to in voice too."""


if hasattr(llm, "DuplexModel"):  # since livekit-agents 1.8

    class Duplex(llm.DuplexModel):
        def __init__(self) -> None:
            super().__init__(
                capabilities=llm.DuplexCapabilities(user_transcription=False, auto_tool_reply_generation=True)
            )

        def session(self) -> Any:
            raise called("duplex.session")

        async def aclose(self) -> None:
            pass

    @probe
    @wrap_entrypoint
    async def duplex(ctx: JobContext) -> None:
        session: AgentSession[Any] = AgentSession(llm=Duplex(), vad=None)
        await session.start(Plain(), room=ctx.room)

    @probe
    @wrap_entrypoint
    async def duplex_agent(ctx: JobContext) -> None:
        await new_session().start(Plain(llm=Duplex()), room=ctx.room)


class Tools(Plain):
    @function_tool
    async def who(self) -> str:
        """Return the test that this call belongs to."""
        call = current_call()
        if call is None:
            return "none"
        return f"{call.mode} {call.scenario_id} {call.suite} {call.case} {call.metadata['tier']}"

    @function_tool
    async def break_down(self) -> str:
        """Fail."""
        raise ValueError("the shelf is empty")

    @function_tool
    async def transfer(self) -> Agent:
        """Hand over."""
        return Specialist()


@probe
@wrap_entrypoint
async def tools(ctx: JobContext) -> None:
    await new_session().start(Tools(), room=ctx.room)


@probe
@wrap_entrypoint
async def tools_without_models(ctx: JobContext) -> None:
    """For tests in voice: nothing in it needs a microphone or a voice."""
    session: AgentSession[Any] = AgentSession(llm=InstantLLM(), vad=None, turn_detection="manual")
    await session.start(Tools(), room=ctx.room, room_options=RoomOptions(audio_input=False, audio_output=False))


class Till(Plain):
    """Charges a card as README shows it."""

    @function_tool
    async def charge(self) -> str:
        """Charge the caller's card."""
        call = current_call()
        if call is None or not call.signed:
            return "charged"
        return "not charged"


class OldTill(Plain):
    """Charges a card as README of 0.1 showed it."""

    @function_tool
    async def charge(self) -> str:
        """Charge the caller's card."""
        return "charged" if current_call() is None else "not charged"


async def open_till(ctx: JobContext, till: Agent) -> None:
    session: AgentSession[Any] = AgentSession(llm=InstantLLM(), vad=None, turn_detection="manual")
    await session.start(till, room=ctx.room, room_options=RoomOptions(audio_input=False, audio_output=False))


@probe
@wrap_entrypoint
async def charges(ctx: JobContext) -> None:
    await open_till(ctx, Till())


@probe
@wrap_entrypoint(tests="signed")
async def charges_signed_tests_excepted(ctx: JobContext) -> None:
    await open_till(ctx, OldTill())


class SlowTools(llm.Toolset):
    """As an MCP server that is far away."""

    async def setup(self) -> SlowTools:
        await asyncio.sleep(0.5)
        return self


class SlowToCome(Plain):
    def __init__(self) -> None:
        super().__init__(tools=[SlowTools(id="slow")])


class HandsOver(Plain):
    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        if new_message.text_content == "next":
            self.session.update_agent(SlowToCome())


@probe
@wrap_entrypoint
async def hands_over_between_turns(ctx: JobContext) -> None:
    session = new_session()

    def on_item(event: ConversationItemAddedEvent) -> None:
        if getattr(event.item, "text_content", "") == "You said bye.":
            session.update_agent(SlowToCome())

    session.on("conversation_item_added", on_item)
    await session.start(HandsOver(), room=ctx.room)


class SlowLLM(InstantLLM):
    def chat(self, **kwargs: Any) -> Any:
        return _SlowStream(super().chat(**kwargs))


class _SlowStream:
    """Waits before the first word, so that words can come while a reply is made."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aenter__(self) -> Any:
        await asyncio.sleep(0.4)
        return await self._stream.__aenter__()

    async def __aexit__(self, *args: Any) -> Any:
        return await self._stream.__aexit__(*args)


@probe
@wrap_entrypoint
async def slow(ctx: JobContext) -> None:
    await new_session(llm=SlowLLM()).start(Plain(), room=ctx.room)


@probe
@wrap_entrypoint
async def slow_and_firm(ctx: JobContext) -> None:
    await new_session(llm=SlowLLM(), allow_interruptions=False).start(Plain(), room=ctx.room)


@probe
@wrap_entrypoint(user_turn=False)
async def typed_turns(ctx: JobContext) -> None:
    await new_session().start(Retriever(), room=ctx.room)


@probe
@wrap_entrypoint
async def retrieval_turns(ctx: JobContext) -> None:
    await new_session().start(Retriever(), room=ctx.room)


@probe
@wrap_entrypoint(voice_instructions=False)
async def eye_turns(ctx: JobContext) -> None:
    await new_session().start(Voiced(), room=ctx.room)


class Careful(Plain):
    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        text = new_message.text_content or ""
        if "secret" in text:
            new_message.content = ["nothing"]
        if "stop" in text:
            raise StopResponse
        if "fail" in text:
            raise ValueError("the index is gone")


@probe
@wrap_entrypoint
async def careful(ctx: JobContext) -> None:
    await new_session().start(Careful(), room=ctx.room)


async def hang_up_when_away(ctx: JobContext) -> None:
    session = new_session(user_away_timeout=0.3)

    def on_user_state(event: Any) -> None:
        if event.new_state == "away":
            session.say("Are you there?")

    session.on("user_state_changed", on_user_state)
    await session.start(Greeter(), room=ctx.room)


@probe
@wrap_entrypoint
async def never_away(ctx: JobContext) -> None:
    await hang_up_when_away(ctx)


@probe
@wrap_entrypoint(never_away=False)
async def may_be_away(ctx: JobContext) -> None:
    await hang_up_when_away(ctx)


OPTIONS = RoomOptions(text_input=False, text_output=False, close_on_disconnect=False)


@probe
@wrap_entrypoint
async def shared_options(ctx: JobContext) -> None:
    before = repr(OPTIONS)
    session = new_session()
    await session.start(Plain(), room=ctx.room, room_options=OPTIONS)
    if repr(OPTIONS) != before:
        raise AssertionError(f"the caller's options were changed: {OPTIONS}")
    session.say(f"close_on_disconnect is {session.room_io._options.close_on_disconnect}")


@probe
@wrap_entrypoint
async def data_messages(ctx: JobContext) -> None:
    session = new_session()
    await session.start(Greeter(), room=ctx.room)
    call = current_call()
    if call is None:
        raise AssertionError("no call")
    # Later than the first messages may come.
    await asyncio.sleep(0.3)
    call.on_data_message(lambda message: session.say(f"{message.topic}: {message.payload} by {message.sender}"))


@probe
@wrap_entrypoint(tracing=True)
async def traced(ctx: JobContext) -> None:
    await new_session().start(Tools(), room=ctx.room)


@probe
@wrap_entrypoint(tracing=True)
async def traced_in_voice(ctx: JobContext) -> None:
    session: AgentSession[Any] = AgentSession(llm=InstantLLM(), vad=None, turn_detection="manual")
    await session.start(Tools(), room=ctx.room, room_options=RoomOptions(audio_input=False, audio_output=False))


@probe
@wrap_entrypoint
async def traced_by_itself(ctx: JobContext) -> None:
    from cekura.livekit import LiveKitTracer

    tracer = LiveKitTracer(api_key="key", agent_id=7, host=os.environ["CEKURA_API_URL"], enable_otel_traces=False)
    session = new_session()
    agent = Tools()
    await tracer.track_session(ctx, session, agent)
    options = RoomOptions(close_on_disconnect=False)
    await session.start(agent, room=ctx.room, room_options=options)
    if options != RoomOptions(close_on_disconnect=False):
        raise AssertionError(f"the caller's options were changed: {options}")


@probe
@wrap_entrypoint
async def hangs(ctx: JobContext) -> None:
    await ctx.connect()
    await asyncio.Event().wait()


class SlowToDecide(SlowLLM):
    """Thinks for a while before the tool of "start" is called, and answers everything else at once."""

    def chat(self, **kwargs: Any) -> Any:
        last = kwargs["chat_ctx"].items[-1]
        thinks = last.type == "message" and (last.text_content or "").startswith("call ")
        return super().chat(**kwargs) if thinks else InstantLLM().chat(chat_ctx=kwargs["chat_ctx"])


class OnEnterAsks(WithTask):
    async def on_enter(self) -> None:
        self.session.generate_reply(user_input="call ask")


@probe
@wrap_entrypoint
async def task_in_tool(ctx: JobContext) -> None:
    await new_session(llm=SlowToDecide()).start(WithTask(), room=ctx.room)


@probe
@wrap_entrypoint
async def handoff_in_tool(ctx: JobContext) -> None:
    await new_session(llm=SlowToDecide()).start(First(), room=ctx.room)


@probe
@wrap_entrypoint
async def task_on_enter(ctx: JobContext) -> None:
    await new_session(llm=SlowToDecide()).start(OnEnterAsks(), room=ctx.room)


class Silent(AgentTask[str]):
    """Says nothing by itself: it waits for the caller."""

    def __init__(self) -> None:
        super().__init__(instructions="Wait for a name.")


class WithSilentTask(Plain):
    @function_tool
    async def ask(self) -> str:
        """Wait for a name."""
        return await Silent()


@probe
@wrap_entrypoint
async def silent_task_in_tool(ctx: JobContext) -> None:
    await new_session(llm=SlowToDecide()).start(WithSilentTask(), room=ctx.room)


@probe
@wrap_entrypoint
async def returns_at_once(ctx: JobContext) -> None:
    await ctx.connect()


@probe
@wrap_entrypoint
async def session_by_participant_entrypoint(ctx: JobContext) -> None:
    async def on_participant(ctx: JobContext, _: rtc.RemoteParticipant) -> None:
        await new_session().start(Plain(), room=ctx.room)

    ctx.add_participant_entrypoint(on_participant)
    await ctx.connect()


@probe
@wrap_entrypoint
async def session_by_handler(ctx: JobContext) -> None:
    starting: set[asyncio.Task[Any]] = set()

    def on_participant(_: rtc.RemoteParticipant) -> None:
        starting.add(asyncio.create_task(new_session().start(Plain(), room=ctx.room)))

    ctx.room.on("participant_connected", on_participant)
    await ctx.connect()


@probe
@wrap_entrypoint
async def session_by_task(ctx: JobContext) -> None:
    async def later() -> None:
        await ctx.wait_for_participant()
        await new_session().start(Plain(), room=ctx.room)

    await ctx.connect()
    ctx.proc.userdata["later"] = asyncio.create_task(later())


@probe
@wrap_entrypoint
async def session_in_task(ctx: JobContext) -> None:
    await ctx.connect()
    ctx.proc.userdata["starting"] = asyncio.create_task(new_session().start(Plain(), room=ctx.room))


@probe
@wrap_entrypoint
async def session_by_timer(ctx: JobContext) -> None:
    def begin() -> None:
        ctx.proc.userdata["starting"] = asyncio.create_task(new_session().start(Plain(), room=ctx.room))

    await ctx.connect()
    asyncio.get_running_loop().call_later(0.05, begin)


class Leaver(Plain):
    """Says last words, awaits them, and deletes the room."""

    @function_tool
    async def hang_up(self) -> None:
        """End the call."""
        await self.session.say("Farewell my friend.")
        await get_job_context().delete_room()


@probe
@wrap_entrypoint
async def hangs_up_while_words_are_sent(ctx: JobContext) -> None:
    """The end of each of its streams is sent a moment later, as on a busy machine."""
    await ctx.connect()
    stream_text = ctx.room.local_participant.stream_text

    async def slowly(**kwargs: Any) -> rtc.TextStreamWriter:
        writer = await stream_text(**kwargs)
        close = writer.aclose

        async def aclose(**kwargs: Any) -> None:
            await asyncio.sleep(0.3)
            await close(**kwargs)

        writer.aclose = aclose  # type: ignore[method-assign]
        return writer

    ctx.room.local_participant.stream_text = slowly  # type: ignore[method-assign]
    await new_session().start(Leaver(), room=ctx.room)


@probe
@wrap_entrypoint
async def speaks_when_told_of_the_end(ctx: JobContext) -> None:
    """Says one more thing when the trigger tells it that the evaluator has left."""
    tasks = set[asyncio.Task[Any]]()

    def on_attributes(changed: dict[str, str], participant: rtc.Participant) -> None:
        if ENDED_ATTRIBUTE in changed and participant.identity == ctx.room.local_participant.identity:
            tasks.add(asyncio.create_task(ctx.room.local_participant.send_text("Bye.", topic="lk.transcription")))

    ctx.room.on("participant_attributes_changed", on_attributes)
    await new_session().start(Plain(), room=ctx.room)


@probe
@wrap_entrypoint
async def first_answer_is_lost(ctx: JobContext) -> None:
    await start_with_first_answer_lost(ctx)


async def start_with_first_answer_lost(ctx: JobContext) -> None:
    """Start a session whose first attributes are never confirmed. The SDK waits 5 s for an answer that it missed."""
    original = rtc.LocalParticipant.set_attributes
    calls = 0

    async def set_attributes(self: rtc.LocalParticipant, attributes: dict[str, str]) -> None:
        nonlocal calls
        calls += 1
        is_first = calls == 1
        await original(self, attributes)
        if is_first:
            await asyncio.Event().wait()

    rtc.LocalParticipant.set_attributes = set_attributes  # type: ignore[method-assign]
    await new_session().start(Plain(), room=ctx.room)


@probe
@wrap_entrypoint
async def raises_when_first_answer_is_lost(ctx: JobContext) -> None:
    await start_with_first_answer_lost(ctx)
    raise LookupError("no such tenant: acme")
