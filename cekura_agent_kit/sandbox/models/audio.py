"""``/v1/audio/speech`` and ``/v1/audio/transcriptions`` of the models' stand-in, for OpenAI's clients."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
import wave
from fractions import Fraction
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from aiohttp import web

from ...errors import SandboxError
from ..channels.pcm import RATE
from ..channels.speech import Speech
from .gaps import Gaps, error_answer

_FORMATS: Final = {
    "mp3": ("mp3", "mp3", "audio/mpeg"),
    "opus": ("ogg", "libopus", "audio/ogg"),
    "aac": ("adts", "aac", "audio/aac"),
    "flac": ("flac", "flac", "audio/flac"),
    "wav": ("wav", "pcm_s16le", "audio/wav"),
}
"""Container, codec and content type of each ``response_format``, except ``pcm``."""
_LOWEST_RATE: Final = 4_000
_SAME_UTTERANCE: Final = 6.0
"""Seconds between two recordings that may be halves of one utterance. The second is sent when it has ended."""
_LONGEST_KEPT: Final = 30
"""Seconds of sound that are kept for the next recording."""
_EVENT_BYTES: Final = 16 * 1024
"""Sound in an event: a third of a second as PCM."""


def add_audio_routes(app: web.Application, gaps: Gaps, speech: Speech, caller: Speech | None = None) -> None:
    """Serve speech and transcriptions.

    Args:
        app: the models' stand-in.
        gaps: record of requests that fail because of the sandbox.
        speech: the agent's speech, which is synthesized.
        caller: the caller's speech, which is recognized. Default: ``speech``.
    """
    api = _AudioApi(gaps, speech, caller or speech)
    app.router.add_post("/v1/audio/speech", api.speak)
    app.router.add_post("/v1/audio/transcriptions", api.transcribe)


class _AudioApi:
    def __init__(self, gaps: Gaps, speech: Speech, caller: Speech) -> None:
        self._gaps, self._speech, self._caller = gaps, speech, caller
        self._not_recognized: WeakKeyDictionary[asyncio.BaseTransport, tuple[bytes, int, float]] = WeakKeyDictionary()
        """The latest recording of each connection, if nothing was recognized in it: sound, rate, time."""

    async def speak(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
        except ValueError:
            return error_answer(400, "We could not parse the JSON body of your request.")
        text = body.get("input") if isinstance(body, dict) else None
        if not isinstance(text, str):
            return error_answer(400, "Missing required parameter: 'input'.")
        wanted = body.get("response_format") or "mp3"
        if not isinstance(wanted, str) or (wanted != "pcm" and wanted not in _FORMATS):
            supported = ", ".join([*_FORMATS, "pcm"])
            return error_answer(400, f"Invalid value: {wanted!r}. Supported values are: {supported}.")
        try:
            pcm = await self._speech.synthesize(text)
        except SandboxError as error:
            return self._unable(request, error, model=str(body.get("model") or ""))
        sound, kind = (pcm, "audio/pcm") if wanted == "pcm" else await asyncio.to_thread(_encoded, pcm, wanted)
        if body.get("stream_format") == "sse":
            return await _as_events(request, sound)
        return web.Response(body=sound, content_type=kind)

    async def transcribe(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            return error_answer(400, "Expected a multipart form.")
        form = await request.post()
        model = str(form.get("model") or "")
        file = form.get("file")
        if not isinstance(file, web.FileField):
            return error_answer(400, "Missing required parameter: 'file'.")
        try:
            pcm, rate = _decoded(file.file.read())
        except (wave.Error, EOFError, ValueError) as error:
            # OpenAI accepts other formats.
            reason = f"the sandbox recognizes speech in 16-bit WAV only ({error})"
            self._gaps.add(request, 400, reason, model=model)
            return error_answer(400, f"Invalid file: {reason}.")
        try:
            text = await self._recognize(request, pcm, rate)
        except SandboxError as error:
            return self._unable(request, error, model=model)
        match form.get("response_format") or "json":
            case "text":
                return web.Response(text=text + "\n")
            case "verbose_json":
                seconds = len(pcm) / 2 / rate
                segments = [{"id": 0, "start": 0.0, "end": seconds, "text": text}] if text else []
                transcription = {"task": "transcribe", "language": "english", "duration": seconds, "text": text}
                return web.json_response(transcription | {"segments": segments})
            case _:
                return web.json_response({"text": text})

    async def _recognize(self, request: web.Request, pcm: bytes, rate: int) -> str:
        """Recognize a recording; if that fails, together with the one before it on this connection.

        On a busy machine a recording has gaps. The agent's VAD ends the turn at a gap, and the recognizer knows only
        whole utterances. A client keeps its connection, so the two recordings belong to one conversation.
        """
        text = await self._caller.recognize(pcm, rate)
        connection, now = request.transport, time.monotonic()
        if connection is None:
            return text
        before = self._not_recognized.pop(connection, None)
        if not text and before and before[1] == rate and now - before[2] < _SAME_UTTERANCE:
            pcm = before[0] + pcm
            text = await self._caller.recognize(pcm, rate)
        if not text:
            self._not_recognized[connection] = pcm[-2 * rate * _LONGEST_KEPT :], rate, now
        return text

    def _unable(self, request: web.Request, error: SandboxError, *, model: str) -> web.Response:
        self._gaps.add(request, 500, f"{error}. {error.hint}", model=model)
        return error_answer(500, f"{error}. {error.hint}", kind="server_error")


def _encoded(pcm: bytes, wanted: str) -> tuple[bytes, str]:
    import av

    container_format, codec, kind = _FORMATS[wanted]
    sound = io.BytesIO()
    # Some containers seek, hence the file in memory. An empty one is not valid, hence the silence.
    samples = np.frombuffer(pcm or bytes(2 * RATE // 10), dtype=np.int16).reshape(1, -1)
    with av.open(sound, "w", format=container_format) as container:
        stream: Any = container.add_stream(codec, rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = 0, Fraction(1, RATE)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return sound.getvalue(), kind


def _decoded(file: bytes) -> tuple[bytes, int]:
    """Return the first channel of a WAV file as 16-bit PCM, and its rate."""
    with wave.open(io.BytesIO(file)) as sound:
        if sound.getsampwidth() != 2 or sound.getframerate() < _LOWEST_RATE:
            raise ValueError(f"{8 * sound.getsampwidth()} bits, {sound.getframerate()} samples a second")
        samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16)
        return bytes(samples[:: sound.getnchannels()].tobytes()), sound.getframerate()


async def _as_events(request: web.Request, sound: bytes) -> web.StreamResponse:
    pieces = (sound[at : at + _EVENT_BYTES] for at in range(0, len(sound), _EVENT_BYTES))
    events: list[dict[str, Any]] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()} for piece in pieces
    ]
    events.append({"type": "speech.audio.done", "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}})
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return web.Response(text=body, content_type="text/event-stream")
