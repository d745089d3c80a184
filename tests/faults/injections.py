"""Faults between the parts, for which the stand-in has no switch: contexts around a suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import httpx
import pytest
import stamina.instrumentation
from aiohttp import web
from livekit import api
from pydantic import SecretStr

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.sandbox.cekura.service import KEY_HEADER
from cekura_agent_kit.sandbox.web import WebService
from cekura_agent_kit.trigger.cekura import client
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene

Injection = Callable[[Scene], AbstractAsyncContextManager[None]]

_BEFORE_THE_START = b"page_size=100"
"""The listing of runs that goes just before a start."""
_START = b"POST /test_framework/v1/scenarios-external/"


@asynccontextmanager
async def start_refused_by_the_network(scene: Scene) -> AsyncIterator[None]:
    """From just before the start on, nobody listens at Cekura's address any more."""
    async with _between(scene, lambda proxy, data: proxy.refuse() if _BEFORE_THE_START in data else None):
        yield


@asynccontextmanager
async def start_refused_once(scene: Scene) -> AsyncIterator[None]:
    """The start's first connection is refused; when it is to be made again, Cekura is there."""
    async with _between(scene, lambda proxy, data: proxy.refuse() if _BEFORE_THE_START in data else None) as proxy:
        opening: set[asyncio.Task[None]] = set()

        def on_retry(details: stamina.instrumentation.RetryDetails) -> None:
            opening.add(asyncio.create_task(proxy.open()))

        stamina.instrumentation.set_on_retry_hooks([on_retry])
        try:
            yield
        finally:
            stamina.instrumentation.set_on_retry_hooks(None)
        assert opening, "the connection was never refused"


@asynccontextmanager
async def another_job_starts_the_same(scene: Scene) -> AsyncIterator[None]:
    """While the start is under way, somebody else starts a run of the same scenario in a room of theirs."""
    posting: set[asyncio.Task[None]] = set()

    def on_request(_: Proxy, data: bytes) -> None:
        if _START in data:
            posting.add(asyncio.create_task(_start_elsewhere(scene)))

    async with _between(scene, on_request):
        yield
    await asyncio.gather(*posting)
    assert scene.foreign == 1


async def _start_elsewhere(scene: Scene) -> None:
    livekit, service = scene.livekit, scene.service
    token = (
        api.AccessToken(livekit.api_key, livekit.api_secret)
        .with_identity("evaluator")
        .with_grants(api.VideoGrants(room_join=True, room="of-another-job"))
        .with_ttl(timedelta(minutes=5))
        .to_jwt()
    )
    entry = {"scenario": 30, "livekit_room_url": livekit.url, "access_token": token}
    # After ours, so that it is ours whose answer is lost.
    while not service.starts:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    async with httpx.AsyncClient(base_url=service.url, headers={KEY_HEADER: service.api_key}, trust_env=False) as http:
        (await http.post(client.START[Mode.TEXT], json={"scenarios": [entry]})).raise_for_status()
    scene.foreign += 1


@asynccontextmanager
async def impatient(scene: Scene) -> AsyncIterator[None]:
    """Answers are awaited for 1 s, not 30, so that one that is held back is given up while a test can wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_TIMEOUT", httpx.Timeout(1.0))
        yield


@asynccontextmanager
async def wrong_cekura_key(scene: Scene) -> AsyncIterator[None]:
    scene.redirect(cekura_api_key=SecretStr("a-key-that-nobody-knows"))
    yield


@asynccontextmanager
async def no_cekura(scene: Scene) -> AsyncIterator[None]:
    async with Proxy(scene.service.port) as proxy:
        scene.redirect(cekura_api_url=f"http://127.0.0.1:{proxy.port}")
        proxy.refuse()
        yield


@asynccontextmanager
async def no_livekit(scene: Scene) -> AsyncIterator[None]:
    async with Proxy(scene.livekit.port) as proxy:
        scene.redirect(livekit_url=f"ws://127.0.0.1:{proxy.port}")
        proxy.refuse()
        yield


class _Page(WebService):
    """A web page, whatever is asked."""

    def make_app(self) -> web.Application:
        async def page(_: web.Request) -> web.Response:
            return web.Response(text="<html>It works!</html>", content_type="text/html")

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", page)
        return app


@asynccontextmanager
async def not_a_livekit_server(scene: Scene) -> AsyncIterator[None]:
    async with _Page() as page:
        scene.redirect(livekit_url=page.url.replace("http", "ws"))
        yield


@asynccontextmanager
async def wrong_livekit_secret(scene: Scene) -> AsyncIterator[None]:
    scene.redirect(livekit_api_secret=SecretStr("a-secret-that-opens-nothing-at-all-here"))
    yield


@asynccontextmanager
async def _between(scene: Scene, on_request: Callable[[Proxy, bytes], object]) -> AsyncIterator[Proxy]:
    """A proxy between the trigger and Cekura, called with each request."""
    proxy = Proxy(scene.service.port, on_request=lambda data: on_request(proxy, data))
    async with proxy:
        scene.redirect(cekura_api_url=f"http://127.0.0.1:{proxy.port}")
        yield proxy
