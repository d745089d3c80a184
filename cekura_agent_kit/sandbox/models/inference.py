"""``/v1/stt`` and ``/v1/tts`` of the models' stand-in: LiveKit Inference, for agents with model strings.

The protocols are those of ``livekit.agents.inference`` (checked with livekit-agents 1.6.0, 1.7.1 and 1.8.9): websockets
with JSON messages. Models, voices and languages are accepted as they are, and make no difference.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from aiohttp import WSMsgType, web

from ...errors import SandboxError
from ..channels.pcm import RATE, resampled
from ..channels.segments import SpeechSegmenter
from ..channels.speech import Speech, Utterances
from .gaps import Gaps

_STT_RATE: Final = 16_000
"""Samples a second, where the session names none."""
_MESSAGE_BYTES: Final = 16 * 1024
"""Sound in a message: a third of a second."""
_MARKUP: Final = re.compile(r"<[^<>]*>")
"""Directions for a voice, which are not spoken."""

_log: Final = logging.getLogger("cekura_agent_kit.sandbox")


def add_inference_routes(app: web.Application, gaps: Gaps, speech: Speech, caller: Speech | None = None) -> None:
    """Serve LiveKit Inference's speech.

    Args:
        app: the models' stand-in.
        gaps: record of requests that fail because of the sandbox.
        speech: the agent's speech, which is synthesized.
        caller: the caller's speech, which is recognized. Default: ``speech``.
    """

    async def synthesize(request: web.Request) -> web.WebSocketResponse:
        return await _serve(request, gaps, lambda socket: _Synthesis(socket, speech).run())

    async def transcribe(request: web.Request) -> web.WebSocketResponse:
        return await _serve(request, gaps, lambda socket: _Transcription(socket, caller or speech).run())

    app.router.add_get("/v1/tts", synthesize)
    app.router.add_get("/v1/stt", transcribe)


async def _serve(request: web.Request, gaps: Gaps, session: Any) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    # An agent that is interrupted, or whose call ends, closes the connection.
    with suppress(ConnectionError):
        try:
            await session(socket)
        except SandboxError as error:
            reason = f"{error}. {error.hint}"
            gaps.add(request, 500, reason)
            await socket.send_json({"type": "error", "code": 500, "message": reason})
        await socket.close()
    return socket


async def _messages(socket: web.WebSocketResponse) -> AsyncIterator[dict[str, Any]]:
    """Yield the JSON objects that the agent sends, until it closes the connection."""
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            continue
        try:
            value = json.loads(message.data)
        except ValueError:
            value = None
        if isinstance(value, dict):
            yield value


class _Synthesis:
    """One connection for speech. It may serve one reply after the other."""

    def __init__(self, socket: web.WebSocketResponse, speech: Speech) -> None:
        self._socket, self._speech = socket, speech
        self._rate = RATE
        self._reply = ""

    async def run(self) -> None:
        async for message in _messages(self._socket):
            match message.get("type"):
                case "session.create":
                    self._rate = int(message.get("sample_rate") or RATE)
                    await self._send("session.created")
                case "input_transcript":
                    await self._speak(_MARKUP.sub("", str(message.get("transcript", ""))).strip())
                case "session.flush":
                    await self._send("done")
                    self._reply = ""

    async def _speak(self, text: str) -> None:
        if not text:
            return
        pcm = resampled(await self._speech.synthesize(text), RATE, self._rate)
        for at in range(0, len(pcm), _MESSAGE_BYTES):
            await self._send("output_audio", audio=base64.b64encode(pcm[at : at + _MESSAGE_BYTES]).decode())

    async def _send(self, kind: str, **more: str) -> None:
        # The id is that of one reply: a client begins a new piece of sound with each.
        if kind != "session.created":
            self._reply = self._reply or uuid4().hex
            more["session_id"] = self._reply
        await self._socket.send_json({"type": kind, **more})


class _Transcription:
    """One connection for transcription: each utterance of the caller becomes a final transcript."""

    def __init__(self, socket: web.WebSocketResponse, caller: Speech) -> None:
        self._socket, self._caller = socket, caller
        self._rate = _STT_RATE
        self._segmenter = SpeechSegmenter(_STT_RATE)
        self._heard = 0.0
        self._segments: asyncio.Queue[tuple[bytes, float, float]] = asyncio.Queue()

    async def run(self) -> None:
        both = {asyncio.create_task(self._receive()), asyncio.create_task(self._recognize())}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _receive(self) -> None:
        async for message in _messages(self._socket):
            match message.get("type"):
                case "session.create":
                    self._rate = int((message.get("settings") or {}).get("sample_rate") or _STT_RATE)
                    self._segmenter = SpeechSegmenter(self._rate)
                    await self._socket.send_json({"type": "session.created"})
                case "input_audio":
                    self._listen(base64.b64decode(message.get("audio", "")))
                case "session.finalize":
                    self._add(self._segmenter.end(self._heard))
                    await self._segments.join()
                    await self._socket.send_json({"type": "session.finalized"})
                case "session.close":
                    await self._socket.send_json({"type": "session.closed"})
                    return

    def _listen(self, pcm: bytes) -> None:
        self._heard += len(pcm) / 2 / self._rate
        self._add(self._segmenter.push(pcm, self._heard))

    def _add(self, segment: tuple[bytes, float, float] | None) -> None:
        if segment is not None:
            self._segments.put_nowait(segment)

    async def _recognize(self) -> None:
        utterances = Utterances(self._caller)
        while True:
            pcm, start, end = await self._segments.get()
            words, start = await utterances.recognize(pcm, self._rate, start, end)
            if words:
                transcript = {"transcript": words, "language": "en", "start": start, "duration": end - start}
                await self._socket.send_json({"type": "final_transcript", "confidence": 1.0, **transcript})
            else:
                _log.info("%.1f s of the caller's speech were not recognized", end - start)
            self._segments.task_done()
