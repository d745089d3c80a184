"""LiveKit Inference's speech of the models' stand-in, with livekit-agents' own clients and with an agent."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, inference, stt

from cekura_agent_kit.sandbox.channels.pcm import RATE, resampled
from cekura_agent_kit.sandbox.models.service import ModelsService
from cekura_agent_kit.verdict import SuiteVerdict

from .studio import QUIET, frames

LINE = "Your table is booked. See you on Friday."
KEYS: Any = {"api_key": "key", "api_secret": "s" * 32}
ONCE = APIConnectOptions(max_retry=0, timeout=30)
AGENT = Path(__file__).parent / "strings_agent.py"


@pytest.fixture
async def models() -> AsyncIterator[ModelsService]:
    async with ModelsService() as models:
        yield models


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as http:
        yield http


def pcm_of(spoken: list[rtc.AudioFrame]) -> bytes:
    return b"".join(frame.data.tobytes() for frame in spoken)


@pytest.mark.parametrize("rate", [24_000, 8_000])
async def test_speech_is_what_the_recognizer_knows(models: ModelsService, http: ClientSession, rate: int) -> None:
    tts = inference.TTS("cartesia/sonic-3:voice", base_url=models.url, http_session=http, sample_rate=rate, **KEYS)
    try:
        # Twice over one connection, as a call does.
        for _ in range(2):
            async with tts.synthesize(f"<emotion value='warm'/>{LINE}", conn_options=ONCE) as stream:
                spoken = [event.frame async for event in stream]
            assert {frame.sample_rate for frame in spoken} == {rate}
            assert await models.speech.recognize(resampled(pcm_of(spoken), rate, RATE), RATE) == LINE
    finally:
        await tts.aclose()
    assert models.gaps.recorded == []


async def test_each_utterance_of_the_caller_is_a_final_transcript(models: ModelsService, http: ClientSession) -> None:
    spoken = [await models.speech.synthesize(text) for text in (LINE, "A table for two, please.")]
    listener = inference.STT("deepgram/nova-3", base_url=models.url, http_session=http, **KEYS)
    stream = listener.stream(conn_options=ONCE)
    # The second ends with the call, without a pause behind it.
    for frame in frames(b"".join([QUIET, spoken[0], *[QUIET] * 6, spoken[1]])):
        stream.push_frame(frame)
    stream.end_input()
    heard = []
    async with asyncio.timeout(60):
        async for event in stream:
            if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT:
                heard.append(event.alternatives[0])
    await stream.aclose()
    await listener.aclose()
    assert [each.text for each in heard] == [LINE, "A table for two, please."]
    assert 0 < heard[0].start_time < heard[0].end_time < heard[1].start_time
    assert models.gaps.recorded == []


async def test_speech_without_its_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, models: ModelsService, http: ClientSession
) -> None:
    monkeypatch.setattr("cekura_agent_kit.sandbox.channels.speech.find_spec", lambda _: None)
    tts = inference.TTS("cartesia/sonic-3", base_url=models.url, http_session=http, **KEYS)
    listener = inference.STT("deepgram/nova-3", base_url=models.url, http_session=http, **KEYS)
    stream = listener.stream(conn_options=ONCE)
    for frame in frames(bytes([0, 60]) * RATE):
        stream.push_frame(frame)
    stream.end_input()
    with pytest.raises(APIError):
        await tts.synthesize("Hello.", conn_options=ONCE).collect()
    with pytest.raises(APIError):
        await anext(stream)
    await stream.aclose()
    await tts.aclose()
    await listener.aclose()
    gaps = {gap.path: gap for gap in models.gaps.recorded}
    assert set(gaps) == {"/v1/tts", "/v1/stt"}
    assert gaps["/v1/tts"].model == "cartesia/sonic-3"
    assert all("pip install 'cekura-agent-kit[sandbox]'" in gap.reason for gap in gaps.values())


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.xdist_group("voice")
def test_an_agent_of_model_strings_runs_in_voice_unedited(tmp_path: Path, livekit_server: object) -> None:
    talk = [{"hear": "welcome"}, {"say": "When are you open?", "hear": "until ten"}]
    rule = {"user": "open", "say": "We are open until ten in the evening."}
    (tmp_path / "scenarios.yaml").write_text(json.dumps({"30": {"name": "Opens", "talk": talk}}))
    (tmp_path / "models.yaml").write_text(json.dumps({"rules": [rule]}))
    suite = {
        "worker": f"{sys.executable} {AGENT} dev --no-reload",
        "sandbox": "scenarios.yaml",
        "agent_timeout": "60s",
        "runs": [{"scenario": 30, "mode": "voice"}],
    }
    (tmp_path / "cekura.yaml").write_text(json.dumps(suite))
    main = "from cekura_agent_kit.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", main, "run", "--sandbox", "cekura.yaml", "--json", "report.json"],
        cwd=tmp_path,
        env=os.environ | {"DEEPGRAM_API_KEY": "", "CARTESIA_API_KEY": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    (run,) = SuiteVerdict.model_validate_json((tmp_path / "report.json").read_text()).runs
    said = [(line.role, line.text) for line in run.transcript if line.role in ("agent", "evaluator")]
    assert said == [
        ("agent", "Welcome to Luigi's."),
        ("evaluator", "When are you open?"),
        ("agent", "We are open until ten in the evening."),
    ]
