"""The audio routes of the models' stand-in, with OpenAI's own client and with LiveKit's plugin."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import av
import httpx
import openai
import pytest
from livekit import rtc
from livekit.plugins import openai as livekit_openai

from cekura_agent_kit.sandbox.channels.pcm import RATE
from cekura_agent_kit.sandbox.models.service import ModelsService

LINE = "Your table is booked. See you on Friday."


@pytest.fixture
async def models() -> AsyncIterator[ModelsService]:
    async with ModelsService() as models:
        yield models


@pytest.fixture
async def client(models: ModelsService) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=models.url, api_key=models.api_key, max_retries=0) as client:
        yield client


def decoded(sound: bytes) -> bytes:
    """Return sound as 16-bit mono PCM of RATE."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(io.BytesIO(sound), "r") as container:
        frames = [each for frame in container.decode(audio=0) for each in resampler.resample(frame)]
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)


@pytest.mark.parametrize("wanted", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
async def test_speech_in_any_format_is_recognized(
    models: ModelsService, client: openai.AsyncOpenAI, wanted: Any
) -> None:
    spoken = await client.audio.speech.create(input=LINE, model="tts-1", voice="nova", response_format=wanted)
    pcm = spoken.content if wanted == "pcm" else decoded(spoken.content)
    assert await models.speech.recognize(pcm, RATE) == LINE


@pytest.mark.parametrize("options", [{"model": "tts-1", "response_format": "wav"}, {}], ids=["as the example", "bare"])
async def test_livekits_plugin_speaks_and_hears(models: ModelsService, options: dict[str, Any]) -> None:
    keys: dict[str, Any] = {"base_url": models.url, "api_key": models.api_key}
    tts, stt = livekit_openai.TTS(**options, **keys), livekit_openai.STT(model="whisper-1", **keys)
    try:
        async with tts.synthesize(LINE) as stream:
            frames = [event.frame async for event in stream]
        event = await stt.recognize(rtc.combine_audio_frames(frames))
    finally:
        await tts.aclose()
        await stt.aclose()
    assert event.alternatives[0].text == LINE


async def test_speech_in_events(client: openai.AsyncOpenAI) -> None:
    speech = client.audio.speech.with_streaming_response
    asked: Any = {"input": LINE, "model": "gpt-4o-mini-tts", "voice": "nova", "stream_format": "sse"}
    async with speech.create(**asked, response_format="wav") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in reply.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert '"speech.audio.delta"' in lines[0]
    assert '"speech.audio.done"' in lines[-1]


@pytest.mark.parametrize("wanted", ["json", "verbose_json", "text"])
async def test_transcriptions_in_each_form(models: ModelsService, client: openai.AsyncOpenAI, wanted: Any) -> None:
    spoken = await client.audio.speech.create(input=LINE, model="tts-1", voice="nova", response_format="wav")
    heard: Any = await client.audio.transcriptions.create(
        file=("a.wav", spoken.content), model="whisper-1", response_format=wanted
    )
    assert (heard.strip() if wanted == "text" else heard.text) == LINE
    if wanted == "verbose_json":
        assert heard.language == "english"
        assert heard.duration == pytest.approx(len(await models.speech.synthesize(LINE)) / 2 / RATE, abs=0.01)
        assert heard.segments[0].text == LINE


async def test_halves_of_an_utterance_are_recognized_together(models: ModelsService) -> None:
    pcm = await models.speech.synthesize("A table for two on Friday at seven, please.")
    half = len(pcm) // 4 * 2
    keys: dict[str, Any] = {"base_url": models.url, "api_key": models.api_key}
    async with livekit_openai.STT(model="whisper-1", **keys) as stt:
        heard = []
        for piece in (pcm[:half], pcm[half:], pcm[:half]):
            frame = rtc.AudioFrame(piece, RATE, 1, len(piece) // 2)
            heard.append((await stt.recognize(frame)).alternatives[0].text)
    assert heard == ["", "A table for two on Friday at seven, please.", ""]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("speech", {"content": b"{"}, "could not parse the JSON body"),
        ("speech", {"json": []}, "'input'"),
        ("speech", {"json": {"input": 3}}, "'input'"),
        ("speech", {"json": {"input": "a", "response_format": "wmf"}}, "'wmf'. Supported values are: mp3"),
        ("speech", {"json": {"input": "a", "response_format": ["wav"]}}, "Supported values are: mp3"),
        ("transcriptions", {"json": {}}, "multipart form"),
        ("transcriptions", {"files": {"other": b"a"}}, "'file'"),
        ("transcriptions", {"files": {"file": b"RIFF no sound"}}, "16-bit WAV"),
        ("transcriptions", {"files": {"file": b""}}, "16-bit WAV"),
    ],
)
async def test_what_is_wrong_is_refused_as_openai_does(
    models: ModelsService, path: str, body: dict[str, Any], message: str
) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {models.api_key}"}
        reply = await client.post(f"{models.url}/audio/{path}", headers=headers, **body)
    assert reply.status_code == 400
    assert message in reply.json()["error"]["message"]


async def test_the_answer_without_the_extra_has_the_command(
    client: openai.AsyncOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cekura_agent_kit.sandbox.channels.speech.find_spec", lambda _: None)
    with pytest.raises(openai.InternalServerError, match=r"pip install 'cekura-agent-kit\[sandbox\]'"):
        await client.audio.speech.create(input=LINE, model="tts-1", voice="nova")
