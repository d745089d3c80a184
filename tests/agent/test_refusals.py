"""Agents that cannot be tested in text: models that only speak, and a livekit-agents whose internals have moved."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from livekit.agents import llm

from cekura_agent_kit.agent.internals import framework
from cekura_agent_kit.contract import ERROR_ATTRIBUTE, PROOF_ATTRIBUTE, TEXT_ONLY
from cekura_agent_kit.errors import TextModeError
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from tests.agent.workers import Worker, dispatched
from tests.shapes.models import MOVED


@pytest.mark.server
@pytest.mark.skipif(not hasattr(llm, "DuplexModel"), reason="this livekit-agents has no DuplexModel")
@pytest.mark.parametrize("shape", ["duplex", "duplex_agent"])
async def test_a_duplex_model_is_refused_by_name(worker: Worker, shape: str) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": shape}) as run:
        attributes = await run.refusal()
        assert attributes[ERROR_ATTRIBUTE].startswith("text mode did not hold: a DuplexModel has no text")
        assert PROOF_ATTRIBUTE not in attributes
    assert worker.speech_calls == []


@pytest.mark.server
async def test_a_switch_that_has_moved_is_refused_in_text_and_left_alone_in_voice(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    worker = Worker("tests.shapes.worker", livekit_server, tmp_path, environment={MOVED: "1"})
    try:
        await asyncio.to_thread(worker.wait_until_registered)
        async with dispatched(worker, {"text_mode": True, "shape": "plain"}) as run:
            attributes = await run.until(lambda attributes: ERROR_ATTRIBUTE in attributes)
            assert "has no AgentSession._text_only: text mode cannot be switched on" in attributes[ERROR_ATTRIBUTE]
            await run.remove_agent()
        async with dispatched(worker, {"shape": "tools_without_models", "tier": "gold"}) as run:
            await run.until(lambda attributes: "lk.agent.state" in attributes)
            async with run.evaluator() as evaluator:
                await run.announce()
                await run.room_knows(evaluator)
                await evaluator.say("call who")
                await evaluator.hear("The result is none.")
        assert worker.speech_calls == []
    finally:
        await asyncio.to_thread(worker.stop)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("AgentSession", "_activity_lock"),
        ("AgentSession", "_update_activity_atask"),
        ("AgentActivity", "_interruption_detector"),
        ("AgentOutput", "_audio_changed"),
        ("RoomIO", "_options"),
    ],
)
def test_each_name_is_looked_for(monkeypatch: pytest.MonkeyPatch, owner: str, name: str) -> None:
    from livekit.agents import AgentSession
    from livekit.agents.voice.agent_activity import AgentActivity
    from livekit.agents.voice.io import AgentOutput
    from livekit.agents.voice.room_io import RoomIO

    framework.require_text_mode()
    cls = {each.__name__: each for each in (AgentSession, AgentActivity, AgentOutput, RoomIO)}[owner]
    made = inspect.unwrap(cls.__init__)
    names = tuple("_moved" if each == name else each for each in made.__code__.co_names)
    monkeypatch.setattr(made, "__code__", made.__code__.replace(co_names=names))
    with pytest.raises(TextModeError, match=rf"has no {owner}\.{name}: text mode cannot"):
        framework.require_text_mode()


@asynccontextmanager
async def realtime_service() -> AsyncIterator[tuple[str, asyncio.Queue[dict[str, Any]]]]:
    """A websocket server, its address, and what it is told."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            told.put_nowait(message.json())
        return socket

    app = web.Application()
    app.router.add_get("/v1/realtime", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", told
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("asked", "modality"), [(True, "text"), (False, "audio")])
async def test_openai_s_realtime_model_is_told_to_give_text(asked: bool, modality: str) -> None:
    openai = pytest.importorskip("livekit.plugins.openai")
    import aiohttp

    async with realtime_service() as (url, told), aiohttp.ClientSession() as http:
        model = openai.realtime.RealtimeModel(base_url=url, api_key="key", http_session=http)
        if asked:
            assert framework.ask_for_text(model)
            assert model.capabilities.audio_output is False
        session = model.session()
        try:
            async with asyncio.timeout(10):
                first = await told.get()
            assert first["type"] == "session.update"
            assert first["session"]["output_modalities"] == [modality]
        finally:
            await session.aclose()


@pytest.mark.server
async def test_an_entrypoint_that_left_nothing_behind_is_refused_before_anybody_pays(worker: Worker) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "returns_at_once"}) as run:
        refusal = await run.refusal()
        assert "returned without a session, and left nothing that could start one" in refusal[ERROR_ATTRIBUTE]


@pytest.mark.server
@pytest.mark.parametrize(
    "shape",
    [
        "session_by_participant_entrypoint",
        "session_by_handler",
        "session_by_task",
        "session_in_task",
        "session_by_timer",
    ],
)
async def test_an_entrypoint_that_returns_before_its_session_starts_goes_on(worker: Worker, shape: str) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": shape}) as run:
        await run.until(lambda attributes: attributes.get("cekura.mode") == "text")
        async with run.evaluator() as evaluator:
            await run.announce()
            await evaluator.say("hello")
            await evaluator.hear("You said hello.")


@pytest.mark.server
async def test_the_proof_is_published_although_an_earlier_answer_was_lost(worker: Worker) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "first_answer_is_lost"}) as run:
        await run.until(lambda attributes: attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY)


@pytest.mark.server
async def test_an_error_is_published_although_an_earlier_answer_was_lost(worker: Worker) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "raises_when_first_answer_is_lost"}) as run:
        assert "no such tenant: acme" in (await run.refusal())[ERROR_ATTRIBUTE]
