"""The shapes. Each is an entrypoint as somebody would write it, wrapped, at the top of a module."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    AgentTask,
    BackgroundAudioPlayer,
    BuiltinAudioClip,
    JobContext,
    StopResponse,
    function_tool,
    llm,
)
from livekit.agents.llm.chat_context import Instructions
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities, TextOutput
from livekit.agents.voice.room_io import (
    RoomInputOptions,
    RoomIO,
    RoomOptions,
    RoomOutputOptions,
    TextInputEvent,
    TextInputOptions,
)

from cekura_agent_kit import wrap_entrypoint

from .models import InstantLLM, SpeakingModel, SpySTT, SpyTTS, SpyTurnDetector, called, speech


@dataclass(frozen=True)
class Shape:
    """One shape of an agent.

    Attributes:
        entrypoint: wrapped, and importable under its own name.
        hear: what the evaluator must hear, in order, wherever it speaks first; an empty one says nothing first.
        say: what the evaluator says.
        answer: what must be heard as the answer, in order.
        ends: the agent ends the call with the answer.
        refused: part of the error by which text mode refuses it; then nothing is heard.
    """

    entrypoint: Callable[[JobContext], Awaitable[None]]
    hear: tuple[str, ...]
    say: str = "hello"
    answer: tuple[str, ...] = ("You said hello.",)
    ends: bool = False
    refused: str = ""


SHAPES: dict[str, Shape] = {}


def shape(
    *hear: str,
    say: str = "hello",
    answer: str | tuple[str, ...] = "You said hello.",
    ends: bool = False,
    refused: str = "",
) -> Callable[[Any], Any]:
    """Add an entrypoint to `SHAPES` under its name."""

    def add(entrypoint: Any) -> Any:
        answers = (answer,) if isinstance(answer, str) else answer
        SHAPES[entrypoint.__name__] = Shape(entrypoint, hear, say, answers, ends, refused)
        return entrypoint

    return add


def new_session(**more: Any) -> AgentSession[Any]:
    return AgentSession(**{"llm": InstantLLM(), "turn_detection": "vad", **speech(), **more})


class Plain(Agent):
    def __init__(self, **more: Any) -> None:
        super().__init__(instructions="Answer.", **more)


class Greeter(Plain):
    async def on_enter(self) -> None:
        self.session.say("Welcome.")


@shape()
@wrap_entrypoint
async def plain(ctx: JobContext) -> None:
    await new_session().start(Plain(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def say_in_on_enter(ctx: JobContext) -> None:
    await new_session().start(Greeter(), room=ctx.room)


class ModelGreeter(Plain):
    async def on_enter(self) -> None:
        self.session.generate_reply()


@shape("Welcome from the model.")
@wrap_entrypoint
async def generate_in_on_enter(ctx: JobContext) -> None:
    await new_session().start(ModelGreeter(), room=ctx.room)


class FirmGreeter(Plain):
    async def on_enter(self) -> None:
        self.session.say("You must hear this.", allow_interruptions=False)


@shape("You must hear this.")
@wrap_entrypoint
async def uninterruptible_greeting(ctx: JobContext) -> None:
    await new_session().start(FirmGreeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def connect_first(ctx: JobContext) -> None:
    await ctx.connect()
    session = new_session()
    await session.start(Plain(), room=ctx.room)
    await session.say("Welcome.")


@shape("Welcome.")
@wrap_entrypoint
async def wait_for_participant(ctx: JobContext) -> None:
    await ctx.connect()
    participant = await ctx.wait_for_participant()
    session = new_session()
    await session.start(Plain(), room=ctx.room, room_options=RoomOptions(participant_identity=participant.identity))
    session.say("Welcome.")


@shape("Welcome from the model.")
@wrap_entrypoint
async def generate_after_start(ctx: JobContext) -> None:
    session = new_session()
    await session.start(Plain(), room=ctx.room)
    await session.generate_reply()
    await ctx.connect()


class Second(Plain):
    def __init__(self) -> None:
        super().__init__(**speech())

    async def on_enter(self) -> None:
        self.session.say("This is the second agent.")


class First(Plain):
    @function_tool
    async def transfer(self) -> Agent:
        """Hand over."""
        return Second()

    @function_tool
    async def note(self, text: str) -> str:
        """Note something."""
        return f"noted {text}"


@shape(say="call transfer", answer="This is the second agent.")
@wrap_entrypoint
async def handoff(ctx: JobContext) -> None:
    await new_session().start(First(), room=ctx.room)


@shape(say='call note {"text": "x"} and transfer', answer=("The result is .", "This is the second agent."))
@wrap_entrypoint
async def handoff_in_batch(ctx: JobContext) -> None:
    await new_session().start(First(), room=ctx.room)


class AskName(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(instructions="Ask for the name.", **speech())

    async def on_enter(self) -> None:
        self.session.say("What is your name?")

    @function_tool
    async def name_is(self, name: str) -> None:
        """The name was said."""
        self.complete(name)


class WithTask(Plain):
    @function_tool
    async def ask(self) -> str:
        """Ask for a name."""
        return await AskName()


@shape(say="call ask", answer="What is your name?")
@wrap_entrypoint
async def agent_task(ctx: JobContext) -> None:
    await new_session().start(WithTask(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def agents_own_models(ctx: JobContext) -> None:
    session: AgentSession[Any] = AgentSession(llm=InstantLLM())
    await session.start(Greeter(turn_detection=SpyTurnDetector(), **speech()), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def text_turned_off(ctx: JobContext) -> None:
    await new_session().start(Greeter(), room=ctx.room, room_options=RoomOptions(text_input=False, text_output=False))


@shape("Welcome.")
@wrap_entrypoint
async def legacy_options(ctx: JobContext) -> None:
    await new_session().start(
        Greeter(),
        room=ctx.room,
        room_input_options=RoomInputOptions(text_enabled=False, close_on_disconnect=False),
        room_output_options=RoomOutputOptions(transcription_enabled=False, audio_enabled=True),
    )


async def shout(session: AgentSession[Any], event: TextInputEvent) -> None:
    session.say(f"You wrote {event.text.upper()}.")


@shape("Welcome.", answer="You wrote HELLO.")
@wrap_entrypoint
async def own_text_input(ctx: JobContext) -> None:
    options = RoomOptions(text_input=TextInputOptions(text_input_cb=shout))
    await new_session().start(Greeter(), room=ctx.room, room_options=options)


class Retriever(Plain):
    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        await asyncio.sleep(0)
        if "quiet" in (new_message.text_content or ""):
            raise StopResponse
        turn_ctx.add_message(role="system", content="[retrieved]")


@shape(answer="You said hello. [retrieved]")
@wrap_entrypoint
async def retrieval(ctx: JobContext) -> None:
    await new_session().start(Retriever(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def own_room_io(ctx: JobContext) -> None:
    await ctx.connect()
    session = new_session()
    room_io = RoomIO(session, ctx.room)
    await room_io.start()
    await session.start(Greeter())


@shape()
@wrap_entrypoint
async def realtime_model(ctx: JobContext) -> None:
    await AgentSession(llm=SpeakingModel()).start(Plain(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def background_audio(ctx: JobContext) -> None:
    session = new_session()
    await session.start(Greeter(), room=ctx.room)
    player = BackgroundAudioPlayer(
        ambient_sound=BuiltinAudioClip.OFFICE_AMBIENCE, thinking_sound=BuiltinAudioClip.KEYBOARD_TYPING
    )
    await player.start(room=ctx.room, agent_session=session)
    await player.play(BuiltinAudioClip.KEYBOARD_TYPING)


class Avatar(AudioOutput):
    """A sink as an avatar's plugin sets it: it never says that it has played what it was given."""

    def __init__(self) -> None:
        super().__init__(label="avatar", capabilities=AudioOutputCapabilities(pause=False), sample_rate=24000)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        raise called("avatar.capture_frame")

    def flush(self) -> None:
        pass

    def clear_buffer(self) -> None:
        pass


@shape("Welcome.")
@wrap_entrypoint
async def avatar_before_start(ctx: JobContext) -> None:
    session = new_session()
    session.output.audio = Avatar()
    await session.start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def avatar_after_start(ctx: JobContext) -> None:
    session = new_session()
    await session.start(Plain(), room=ctx.room)
    session.output.audio = Avatar()
    session.say("Welcome.")


async def noise() -> AsyncIterator[rtc.AudioFrame]:
    yield rtc.AudioFrame(b"\0\0" * 240, 24000, 1, 240)


class PlayedGreeter(Plain):
    async def on_enter(self) -> None:
        await self.session.say("Welcome, recorded.", audio=noise())


@shape("Welcome, recorded.")
@wrap_entrypoint
async def say_with_audio(ctx: JobContext) -> None:
    await new_session().start(PlayedGreeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def two_sessions(ctx: JobContext) -> None:
    await new_session().start(Greeter(), room=ctx.room, record=False)
    other = new_session()
    await other.start(Plain(), record=False)


@shape("Welcome.")
@wrap_entrypoint
async def manual_turns(ctx: JobContext) -> None:
    await new_session(turn_detection="manual").start(Greeter(), room=ctx.room, record=False)


@shape("Welcome.")
@wrap_entrypoint
async def default_turn_detection(ctx: JobContext) -> None:
    session: AgentSession[Any] = AgentSession(llm=InstantLLM(), stt=SpySTT(), tts=SpyTTS())
    await session.start(Greeter(), room=ctx.room)


class Transcript(TextOutput):
    """A sink of the caller's own for what the agent says."""

    def __init__(self) -> None:
        super().__init__(label="transcript", next_in_chain=None)
        self.text = ""

    async def capture_text(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


class Reader(Greeter):
    @function_tool
    async def read_transcript(self) -> str:
        """Return the words so far."""
        output = self.session.output.transcription
        while output is not None and not isinstance(output, Transcript):
            output = output.next_in_chain
        return output.text if output else "lost"


@shape("Welcome.", say="call read_transcript", answer="The result is Welcome..")
@wrap_entrypoint
async def own_transcript(ctx: JobContext) -> None:
    session = new_session()
    session.output.transcription = Transcript()
    await session.start(Reader(), room=ctx.room)


class Voiced(Plain):
    """Nodes of its own, and another voice variant of its instructions."""

    def __init__(self) -> None:
        Agent.__init__(self, instructions=Instructions(audio="[for the ear]", text="[for the eye]"))

    async def stt_node(self, audio: Any, model_settings: Any) -> Any:
        raise called("stt_node")

    def tts_node(self, text: Any, model_settings: Any) -> Any:
        raise called("tts_node")

    async def transcription_node(self, text: Any, model_settings: Any) -> AsyncIterator[str]:
        async for part in text:
            yield part.replace("hello", "HELLO")


@shape(answer="You said HELLO. [for the ear]")
@wrap_entrypoint
async def own_nodes(ctx: JobContext) -> None:
    await new_session().start(Voiced(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def slow_start(ctx: JobContext) -> None:
    """The room is connected long before the session takes words."""
    await ctx.connect()
    await asyncio.sleep(0.5)
    await new_session().start(Greeter(), room=ctx.room)
