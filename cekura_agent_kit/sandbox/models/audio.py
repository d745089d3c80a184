"""``/v1/audio/speech`` and ``/v1/audio/transcriptions`` of the models' stand-in, as OpenAI's clients use them."""

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
from ..channels.speech import RATE, Speech

_FORMATS: Final = {
    "mp3": ("mp3", "mp3", "audio/mpeg"),
    "opus": ("ogg", "libopus", "audio/ogg"),
    "aac": ("adts", "aac", "audio/aac"),
    "flac": ("flac", "flac", "audio/flac"),
    "wav": ("wav", "pcm_s16le", "audio/wav"),
}
"""``response_format``: container, codec and content type. ``pcm`` is neither."""
_LOWEST_RATE: Final = 4_000
_ONE_BREATH: Final = 6.0
"""Seconds between two recordings that may be one line: the second is sent when it has ended."""
_LONGEST_MISSED: Final = 30
"""Seconds of sound."""
_PIECE: Final = 16 * 1024
"""Bytes of sound in an event, a third of a second as PCM."""


def add_audio_routes(app: web.Application, speech: Speech, caller: Speech | None = None) -> None:
    """Serve voice and ears.

    Args:
        app: the models' stand-in.
        speech: the agent's voice.
        caller: the voice of who calls it, whose lines are listened for; without one, those of ``speech``.
    """
    api = _AudioApi(speech, caller or speech)
    app.router.add_post("/v1/audio/speech", api.speak)
    app.router.add_post("/v1/audio/transcriptions", api.transcribe)


class _AudioApi:
    def __init__(self, speech: Speech, caller: Speech) -> None:
        self._speech, self._caller = speech, caller
        self._missed: WeakKeyDictionary[asyncio.BaseTransport, tuple[bytes, int, float]] = WeakKeyDictionary()
        """What was not understood last, by connection: sound, rate, when."""

    async def speak(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
        except ValueError:
            return _refused("We could not parse the JSON body of your request.")
        text = body.get("input") if isinstance(body, dict) else None
        if not isinstance(text, str):
            return _refused("Missing required parameter: 'input'.")
        wanted = body.get("response_format") or "mp3"
        if not isinstance(wanted, str) or (wanted != "pcm" and wanted not in _FORMATS):
            return _refused(f"Invalid value: {wanted!r}. Supported values are: {', '.join([*_FORMATS, 'pcm'])}.")
        try:
            pcm = await self._speech.speak(text)
        except SandboxError as error:
            return _unable(error)
        sound, kind = (pcm, "audio/pcm") if wanted == "pcm" else await asyncio.to_thread(_encoded, pcm, wanted)
        if body.get("stream_format") == "sse":
            return await _as_events(request, sound)
        return web.Response(body=sound, content_type=kind)

    async def transcribe(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            return _refused("Expected a multipart form.")
        form = await request.post()
        file = form.get("file")
        if not isinstance(file, web.FileField):
            return _refused("Missing required parameter: 'file'.")
        try:
            pcm, rate = _decoded(file.file.read())
        except (wave.Error, EOFError, ValueError) as error:
            return _refused(f"Invalid file: the sandbox's ears take 16-bit WAV ({error}).")
        try:
            text = await self._hear(request, pcm, rate)
        except SandboxError as error:
            return _unable(error)
        match form.get("response_format") or "json":
            case "text":
                return web.Response(text=text + "\n")
            case "verbose_json":
                seconds = len(pcm) / 2 / rate
                said = [{"id": 0, "start": 0.0, "end": seconds, "text": text}] if text else []
                whole = {"task": "transcribe", "language": "english", "duration": seconds, "text": text}
                return web.json_response(whole | {"segments": said})
            case _:
                return web.json_response({"text": text})

    async def _hear(self, request: web.Request, pcm: bytes, rate: int) -> str:
        """As `Speech.hear`; and where nothing was heard, together with what was not understood just before.

        A busy machine leaves a gap in a line, the agent's VAD ends the turn there, and the ears know whole lines only.
        A caller keeps its connection, so what came over it is one talk.
        """
        text = await self._caller.hear(pcm, rate)
        talk, now = request.transport, time.monotonic()
        if talk is None:
            return text
        before = self._missed.pop(talk, None)
        if not text and before and before[1] == rate and now - before[2] < _ONE_BREATH:
            pcm = before[0] + pcm
            text = await self._caller.hear(pcm, rate)
        if not text:
            self._missed[talk] = pcm[-2 * rate * _LONGEST_MISSED :], rate, now
        return text


def _encoded(pcm: bytes, wanted: str) -> tuple[bytes, str]:
    import av

    container_format, codec, kind = _FORMATS[wanted]
    sound = io.BytesIO()
    # Some of these containers ask for a place to go back to, and an empty one for a frame at least.
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
    """The first channel of a WAV file, as 16-bit PCM, and its rate."""
    with wave.open(io.BytesIO(file)) as sound:
        if sound.getsampwidth() != 2 or sound.getframerate() < _LOWEST_RATE:
            raise ValueError(f"{8 * sound.getsampwidth()} bits, {sound.getframerate()} samples a second")
        samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16)
        return bytes(samples[:: sound.getnchannels()].tobytes()), sound.getframerate()


async def _as_events(request: web.Request, sound: bytes) -> web.StreamResponse:
    pieces = (sound[at : at + _PIECE] for at in range(0, len(sound), _PIECE))
    events: list[dict[str, Any]] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()} for piece in pieces
    ]
    events.append({"type": "speech.audio.done", "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}})
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return web.Response(text=body, content_type="text/event-stream")


def _refused(message: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": error}, status=400)


def _unable(error: SandboxError) -> web.Response:
    message = f"{error}. {error.hint}"
    return web.json_response({"error": {"message": message, "type": "server_error"}}, status=500)
