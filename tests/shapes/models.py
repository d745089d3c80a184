"""An instant LLM that says what a test can foresee, and speech models that raise when they are called."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from livekit.agents import llm, stt, tts, vad
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

SPY_FILE = "SHAPES_SPY_FILE"
"""Environment variable: a file that gets a line for each call into a speech model, from whatever process."""

MOVED = "SHAPES_SWITCH_HAS_MOVED"
"""Environment variable: livekit-agents as if its text switch were another than the one that the wrapper knows."""

CALLS: list[str] = []
"""The calls into speech models in this process."""


def called(what: str) -> RuntimeError:
    """Leave a trace of a call that must not be."""
    CALLS.append(what)
    if path := os.environ.get(SPY_FILE):
        with Path(path).open("a") as file:
            file.write(f"{what}\n")
    return RuntimeError(f"{what} was called in a text test")


class SpySTT(stt.STT[Any]):
    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))

    async def _recognize_impl(self, *args: Any, **kwargs: Any) -> Any:
        raise called("stt.recognize")

    def stream(self, **kwargs: Any) -> Any:
        raise called("stt.stream")

    def prewarm(self) -> None:
        raise called("stt.prewarm")


class SpyTTS(tts.TTS[Any]):
    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=True), sample_rate=24000, num_channels=1)

    def synthesize(self, text: str, **kwargs: Any) -> Any:
        raise called("tts.synthesize")

    def stream(self, **kwargs: Any) -> Any:
        raise called("tts.stream")

    def prewarm(self) -> None:
        raise called("tts.prewarm")


class SpyVAD(vad.VAD):
    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.1))

    def stream(self) -> Any:
        raise called("vad.stream")


class SpyTurnDetector:
    model = "spy"
    provider = "spy"

    async def unlikely_threshold(self, language: Any) -> float | None:
        raise called("turn_detector.unlikely_threshold")

    async def supports_language(self, language: Any) -> bool:
        raise called("turn_detector.supports_language")

    async def predict_end_of_turn(self, chat_ctx: Any, **kwargs: Any) -> float:
        raise called("turn_detector.predict_end_of_turn")


class InstantLLM(llm.LLM[Any]):
    """Answers at once, by the last thing in the context.

    - ``call NAME {"argument": …}`` calls that tool; several, joined with `` and ``, in one batch.
    - After tools: ``The result is OUTPUT.``
    - After words: ``You said WORDS.``, with the instructions' marks (``[…]``) and whatever else a system or
      developer message later than the words carries in brackets.
    - With no words: ``Welcome from the model.``
    """

    def chat(self, *, chat_ctx: llm.ChatContext, tools: Any = None, conn_options: Any = None, **kwargs: Any) -> Any:
        return _Stream(
            self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options or DEFAULT_API_CONNECT_OPTIONS
        )


class _Stream(llm.LLMStream):
    async def _run(self) -> None:
        for piece in answer(self._chat_ctx):
            self._event_ch.send_nowait(llm.ChatChunk(id="instant", delta=piece))


def answer(chat_ctx: llm.ChatContext) -> list[llm.ChoiceDelta]:
    """Return the model's answer to a context."""
    marks = [
        part
        for item in chat_ctx.items
        if item.type == "message" and item.role in ("system", "developer")
        for part in (item.text_content or "").replace("[", "\0[").replace("]", "]\0").split("\0")
        if part.startswith("[")
    ]
    mark = "".join(f" {part}" for part in marks)
    items = [
        item
        for item in chat_ctx.items
        if item.type == "function_call_output" or (item.type == "message" and item.role == "user")
    ]
    if not items:
        return _words(f"Welcome from the model.{mark}")
    last = items[-1]
    if last.type == "function_call_output":
        return _words(f"The result is {last.output}.{mark}")
    text = last.text_content or ""
    if text.startswith("call "):
        return [llm.ChoiceDelta(role="assistant", tool_calls=[_call(each) for each in text[5:].split(" and ")])]
    return _words(f"You said {text}.{mark}")


def _words(text: str) -> list[llm.ChoiceDelta]:
    half = len(text) // 2
    return [llm.ChoiceDelta(role="assistant", content=part) for part in (text[:half], text[half:])]


def _call(said: str) -> llm.FunctionToolCall:
    name, _, arguments = said.partition(" ")
    return llm.FunctionToolCall(
        name=name, arguments=json.dumps(json.loads(arguments or "{}")), call_id=uuid.uuid4().hex[:8]
    )


def speech() -> dict[str, Any]:
    """Speech models for a session or an agent."""
    return {"stt": SpySTT(), "tts": SpyTTS(), "vad": SpyVAD()}


class SpeakingModel(llm.RealtimeModel):
    """A realtime model that answers in speech and its words; in what it says it is `InstantLLM`."""

    def __init__(self) -> None:
        super().__init__(
            capabilities=llm.RealtimeCapabilities(
                message_truncation=False,
                turn_detection=False,
                user_transcription=False,
                auto_tool_reply_generation=False,
                audio_output=True,
                manual_function_calls=False,
            )
        )

    def session(self, **_: Any) -> llm.RealtimeSession[Any]:
        return _SpeakingSession(self)

    async def aclose(self) -> None:
        pass


class _SpeakingSession(llm.RealtimeSession[Any]):
    def __init__(self, model: llm.RealtimeModel) -> None:
        super().__init__(model)
        self._chat_ctx = llm.ChatContext.empty()
        self._tools = llm.ToolContext.empty()

    @property
    def chat_ctx(self) -> llm.ChatContext:
        return self._chat_ctx

    @property
    def tools(self) -> llm.ToolContext:
        return self._tools

    async def update_instructions(self, instructions: str) -> None:
        pass

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        self._chat_ctx = chat_ctx

    async def update_tools(self, tools: list[Any]) -> None:
        self._tools = llm.ToolContext(tools)

    def update_options(self, **_: Any) -> None:
        pass

    def push_audio(self, frame: Any) -> None:
        raise called("realtime.push_audio")

    def push_video(self, frame: Any) -> None:
        raise called("realtime.push_video")

    def generate_reply(self, **_: Any) -> asyncio.Future[llm.GenerationCreatedEvent]:
        text = "".join(each.content or "" for each in answer(self._chat_ctx))
        modalities: asyncio.Future[list[Any]] = asyncio.Future()
        modalities.set_result(["audio", "text"])
        message = llm.MessageGeneration(
            message_id=uuid.uuid4().hex, text_stream=_stream(text), audio_stream=_stream(), modalities=modalities
        )
        generation: asyncio.Future[llm.GenerationCreatedEvent] = asyncio.Future()
        generation.set_result(
            llm.GenerationCreatedEvent(message_stream=_stream(message), function_stream=_stream(), user_initiated=True)
        )
        return generation

    def commit_audio(self) -> None:
        raise called("realtime.commit_audio")

    def clear_audio(self) -> None:
        raise called("realtime.clear_audio")

    def interrupt(self) -> None:
        pass

    def truncate(self, **_: Any) -> None:
        pass

    async def aclose(self) -> None:
        pass


async def _stream(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item
