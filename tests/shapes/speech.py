"""Shapes by their speech: models, nodes, turn detection, avatars. Nothing of it may run in text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, JobContext, inference, llm, stt, tokenize, tts
from livekit.agents.voice.avatar import AvatarSession, DataStreamAudioOutput
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities
from livekit.agents.voice.room_io import AudioInputOptions, RoomOptions

from cekura_agent_kit import wrap_entrypoint

from .agents import Greeter, Plain, new_session, shape
from .models import InstantLLM, SpeakingModel, SpySTT, SpyTTS, SpyVAD, called

KEYS: Any = {"api_key": "key", "api_secret": "s" * 32, "base_url": "http://127.0.0.1:9/v1"}


@shape("Welcome.")
@wrap_entrypoint
async def no_speech_models(ctx: JobContext) -> None:
    await AgentSession[Any](llm=InstantLLM()).start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def fallback_adapters(ctx: JobContext) -> None:
    session = new_session(stt=stt.FallbackAdapter([SpySTT(), SpySTT()]), tts=tts.FallbackAdapter([SpyTTS(), SpyTTS()]))
    await session.start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def stream_adapters(ctx: JobContext) -> None:
    session = new_session(
        stt=stt.StreamAdapter(stt=SpySTT(), vad=SpyVAD()),
        tts=tts.StreamAdapter(tts=SpyTTS(), sentence_tokenizer=tokenize.basic.SentenceTokenizer()),
    )
    await session.start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def inference_models(ctx: JobContext) -> None:
    session = new_session(stt=inference.STT("deepgram/nova-3", **KEYS), tts=inference.TTS("cartesia/sonic-2", **KEYS))
    await session.start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def preemptive_generation(ctx: JobContext) -> None:
    await new_session(preemptive_generation=True).start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def turn_detection_by_stt(ctx: JobContext) -> None:
    await new_session(turn_detection="stt").start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def interruption_options(ctx: JobContext) -> None:
    session = new_session(
        min_interruption_duration=0.8,
        min_interruption_words=2,
        false_interruption_timeout=1.0,
        min_endpointing_delay=1.0,
    )
    await session.start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def aligned_transcript(ctx: JobContext) -> None:
    await new_session(use_tts_aligned_transcript=True).start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def audio_input_options(ctx: JobContext) -> None:
    options = RoomOptions(audio_input=AudioInputOptions(sample_rate=16_000, pre_connect_audio=True))
    await new_session().start(Greeter(), room=ctx.room, room_options=options)


@shape("Welcome.")
@wrap_entrypoint
async def noise_cancellation(ctx: JobContext) -> None:
    filter = rtc.NoiseCancellationOptions(module_id="a-filter-that-is-not-installed", options={})
    options = RoomOptions(audio_input=AudioInputOptions(noise_cancellation=filter))
    await new_session().start(Greeter(), room=ctx.room, room_options=options)


@shape("Welcome.")
@wrap_entrypoint
async def push_to_talk(ctx: JobContext) -> None:
    session = new_session(turn_detection="manual")
    await session.start(Greeter(), room=ctx.room)
    session.input.set_audio_enabled(False)

    async def end_turn(_: rtc.RpcInvocationData) -> str:
        session.input.set_audio_enabled(False)
        session.commit_user_turn()
        return "ok"

    ctx.room.local_participant.register_rpc_method("end_turn", end_turn)


@shape("Welcome.")
@wrap_entrypoint
async def user_away(ctx: JobContext) -> None:
    session = new_session(user_away_timeout=0.05)
    session.on("user_state_changed", lambda event: session.shutdown() if event.new_state == "away" else None)
    await session.start(Greeter(), room=ctx.room)


class OwnEar(Greeter):
    async def stt_node(self, audio: Any, model_settings: Any) -> Any:
        raise called("stt_node")


@shape("Welcome.")
@wrap_entrypoint
async def own_stt_node(ctx: JobContext) -> None:
    await new_session().start(OwnEar(), room=ctx.room)


class OwnVoice(Greeter):
    def tts_node(self, text: Any, model_settings: Any) -> Any:
        raise called("tts_node")


@shape("Welcome.")
@wrap_entrypoint
async def own_tts_node(ctx: JobContext) -> None:
    await new_session().start(OwnVoice(), room=ctx.room)


class Scribe(Greeter):
    async def transcription_node(self, text: Any, model_settings: Any) -> AsyncIterator[str]:
        async for part in text:
            yield part.replace("hello", "HELLO")


@shape("Welcome.", answer="You said HELLO.")
@wrap_entrypoint
async def own_transcription_node(ctx: JobContext) -> None:
    await new_session().start(Scribe(), room=ctx.room)


@shape()
@wrap_entrypoint
async def realtime_model_with_a_voice(ctx: JobContext) -> None:
    await AgentSession[Any](llm=SpeakingModel(), tts=SpyTTS()).start(Plain(), room=ctx.room)


class VendorsAvatar(AvatarSession[Any]):
    """As the plugins of avatars are written."""

    @property
    def avatar_identity(self) -> str:
        return "avatar"

    async def start(self, agent_session: AgentSession[Any], room: rtc.Room) -> None:
        await super().start(agent_session, room)
        raise called("the avatar's vendor")


@shape("Welcome.")
@wrap_entrypoint
async def avatar_of_a_plugin(ctx: JobContext) -> None:
    session = new_session()
    avatar = VendorsAvatar()
    await avatar.start(session, room=ctx.room)
    await session.start(Greeter(), room=ctx.room)


class StreamedSound(DataStreamAudioOutput):
    """The sink that a vendor's avatar sets, without the room that it would stream to."""

    def __init__(self) -> None:
        AudioOutput.__init__(self, label="avatar", capabilities=AudioOutputCapabilities(pause=False))

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        raise called("avatar.capture_frame")


@shape("Welcome.")
@wrap_entrypoint
async def avatar_without_the_base_class(ctx: JobContext) -> None:
    session = new_session()
    session.output.audio = StreamedSound()
    await session.start(Greeter(), room=ctx.room)


@shape("Welcome.")
@wrap_entrypoint
async def turn_detection_changed_later(ctx: JobContext) -> None:
    session = new_session()
    await session.start(Greeter(turn_detection="manual", allow_interruptions=False), room=ctx.room)


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

    @shape(refused="text mode did not hold: a DuplexModel has no text")
    @wrap_entrypoint
    async def duplex_model(ctx: JobContext) -> None:
        session: AgentSession[Any] = AgentSession(llm=Duplex(), vad=None)
        await session.start(Plain(), room=ctx.room)
