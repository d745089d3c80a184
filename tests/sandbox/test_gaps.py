"""Gaps of the models' stand-in are recorded, by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import openai
import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from livekit.plugins import openai as livekit_openai

from cekura_agent_kit.sandbox.models.rules import Rules
from cekura_agent_kit.sandbox.models.service import ModelsService


@pytest.fixture
async def models() -> AsyncIterator[ModelsService]:
    async with ModelsService() as models:
        yield models


def described(models: ModelsService) -> list[str]:
    """The recorded gaps, each once."""
    return list(dict.fromkeys(str(gap) for gap in models.gaps.recorded))


async def realtime(models: ModelsService) -> None:
    """As OpenAI's realtime client connects."""
    url = f"{models.url.replace('http', 'ws', 1)}/realtime?model=gpt-realtime"
    async with ClientSession() as session, session.ws_connect(url, headers={"Authorization": "Bearer key"}):
        pass


async def responses(models: ModelsService) -> None:
    async with openai.AsyncOpenAI(base_url=models.url, api_key="key", max_retries=0) as client:
        await client.responses.create(model="gpt-5", input="Hello")


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (
            realtime,
            "/v1/realtime (model gpt-realtime) was answered 404: the sandbox has no stand-in for OpenAI's realtime API",
        ),
        (
            responses,
            "/v1/responses (model gpt-5) was answered 404: the sandbox has no stand-in for OpenAI's Responses API",
        ),
    ],
)
async def test_a_service_without_a_stand_in_is_named(
    models: ModelsService, use: Callable[[ModelsService], Awaitable[None]], said: str
) -> None:
    with pytest.raises((openai.NotFoundError, WSServerHandshakeError)):
        await asyncio.wait_for(use(models), 30)
    assert described(models) == [said]


async def test_a_realtime_model_of_livekits_plugin_is_named(models: ModelsService) -> None:
    model = livekit_openai.realtime.RealtimeModel(base_url=models.url, api_key="key", model="gpt-realtime")
    failed = asyncio.Event()
    session = model.session()
    session.on("error", lambda _: failed.set())
    try:
        await asyncio.wait_for(failed.wait(), 30)
    finally:
        await session.aclose()
        await model.aclose()
    assert described(models) == [
        "/v1/realtime (model gpt-realtime) was answered 404: the sandbox has no stand-in for OpenAI's realtime API"
    ]


async def test_a_stand_in_that_breaks_is_named(monkeypatch: pytest.MonkeyPatch, models: ModelsService) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of the sandbox's own")

    monkeypatch.setattr(Rules, "reply", broken)
    async with openai.AsyncOpenAI(base_url=models.url, api_key="key", max_retries=0) as client:
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
    assert described(models) == [
        "/v1/chat/completions (model gpt-4o-mini) was answered 500: "
        "the sandbox's stand-in for the models broke (RuntimeError)"
    ]


async def test_speech_without_its_extra_is_named(monkeypatch: pytest.MonkeyPatch, models: ModelsService) -> None:
    monkeypatch.setattr("cekura_agent_kit.sandbox.channels.speech.find_spec", lambda _: None)
    async with openai.AsyncOpenAI(base_url=models.url, api_key="key", max_retries=0) as client:
        with pytest.raises(openai.InternalServerError):
            await client.audio.speech.create(input="Hello.", model="tts-1", voice="nova")
    (gap,) = models.gaps.recorded
    assert (gap.path, gap.model, gap.status) == ("/v1/audio/speech", "tts-1", 500)
    assert "pip install 'cekura-agent-kit[sandbox]'" in gap.reason


async def test_a_recording_that_openai_would_accept_is_named(models: ModelsService) -> None:
    async with openai.AsyncOpenAI(base_url=models.url, api_key="key", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError):
            await client.audio.transcriptions.create(file=("a.mp3", b"ID3 no sound"), model="whisper-1")
    (gap,) = models.gaps.recorded
    assert (gap.path, gap.model, gap.status) == ("/v1/audio/transcriptions", "whisper-1", 400)
    assert gap.reason.startswith("the sandbox recognizes speech in 16-bit WAV only")


async def test_what_openai_would_refuse_too_is_not_a_gap(models: ModelsService) -> None:
    async with httpx.AsyncClient(base_url=models.url, trust_env=False) as client:
        key = {"Authorization": "Bearer key"}
        assert (await client.post("/chat/completions", json={"model": "m"}, headers=key)).status_code == 400
        assert (await client.post("/audio/speech", json={"model": "m"}, headers=key)).status_code == 400
        assert (await client.get("/models")).status_code == 401
        assert (await client.get("/models", headers=key)).status_code == 200
        # What openai.TTS asks before its first use, to have a connection. OpenAI itself has nothing there.
        assert (await client.get("/", headers=key)).status_code == 404
        # LiveKit Inference's models for turns and interruptions, which livekit-agents replaces by its own.
        for path in ("/eot", "/bargein"):
            assert (await client.get(path, headers=key)).status_code == 404
    assert models.gaps.recorded == []


async def test_an_agent_that_retries_without_end_is_recorded_up_to_a_limit(models: ModelsService) -> None:
    async with httpx.AsyncClient(base_url=models.url, trust_env=False) as client:
        for _ in range(110):
            await client.get("/embeddings", headers={"Authorization": "Bearer key"})
    assert len(models.gaps.recorded) == 100
    times = [gap.at for gap in models.gaps.recorded]
    assert times == sorted(times)
