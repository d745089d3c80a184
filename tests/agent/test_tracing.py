"""The vendor's tracer beside us, in text and in voice: what it posts when the job ends, to a server of our own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from tests.agent.evaluator import DEADLINE
from tests.agent.workers import Worker, dispatched

pytest.importorskip("cekura.livekit")
pytestmark = pytest.mark.server


class Webhook:
    """Takes what the tracer posts."""

    def __init__(self) -> None:
        self.posts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app)
        self.url = ""

    async def _take(self, request: web.Request) -> web.Response:
        if request.path.endswith("livekit-webhook/"):
            self.posts.put_nowait(await request.json())
        return web.json_response({})

    async def __aenter__(self) -> Webhook:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    async with Webhook() as webhook:
        yield webhook


def start_worker(server: LiveKitServer, folder: Path, url: str) -> Worker:
    environment = {"CEKURA_API_URL": url, "CEKURA_API_KEY": "key", "CEKURA_AGENT_ID": "7"}
    return Worker("tests.shapes.worker", server, folder, environment=environment)


async def test_it_posts_the_conversation_with_its_tool_calls(
    livekit_server: LiveKitServer, webhook: Webhook, tmp_path: Path
) -> None:
    worker = start_worker(livekit_server, tmp_path, webhook.url)
    try:
        await asyncio.to_thread(worker.wait_until_registered)
        for shape, text_mode in (("traced", True), ("traced_by_itself", True), ("traced_in_voice", False)):
            metadata = {"text_mode": text_mode, "shape": shape, "tier": "gold"}
            async with dispatched(worker, metadata) as run:
                await run.until(lambda attributes: "lk.agent.state" in attributes)
                async with run.evaluator() as evaluator:
                    await run.announce()
                    await run.room_knows(evaluator)
                    await evaluator.say("call who")
                    mode = "text" if text_mode else "voice"
                    await evaluator.hear(f"The result is {mode} None   gold.")
            async with asyncio.timeout(DEADLINE):
                post = str(await webhook.posts.get())
            assert "call who" in post, shape
            assert "'who'" in post, shape
            assert f"The result is {mode} None   gold." in post, shape
        assert webhook.posts.empty()
        assert worker.speech_calls == []
    finally:
        await asyncio.to_thread(worker.stop)


async def test_one_that_fails_does_not_hurt_the_call(livekit_server: LiveKitServer, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        worker = start_worker(livekit_server, tmp_path, url)
        try:
            await asyncio.to_thread(worker.wait_until_registered)
            async with dispatched(worker, {"text_mode": True, "shape": "traced", "tier": "gold"}) as run:
                await run.until(lambda attributes: "cekura.proof" in attributes)
                async with run.evaluator() as evaluator:
                    await evaluator.say("hello")
                    await run.announce()
                    await evaluator.hear("You said hello.")
        finally:
            await asyncio.to_thread(worker.stop)
