"""Certificates that nobody trusts, and proxies: each is named by whoever meets it, with what to do about it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import stamina
from aiohttp import web

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.errors import CekuraUnreachable, KitError, LiveKitError, LiveKitUnreachable, SettingsError
from cekura_agent_kit.trigger.cekura.client import Cekura
from cekura_agent_kit.trigger.doctor.check import Check
from cekura_agent_kit.trigger.doctor.doctor import examine
from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.service import LiveKit, participant_token
from cekura_agent_kit.trigger.rooms.witness import Witness
from cekura_agent_kit.trigger.settings.proxies import routes
from cekura_agent_kit.trigger.settings.settings import Settings
from tests.trigger.network import ISSUER, HttpProxy, TlsFront

KEYS = {
    "cekura_api_key": "cekura-key-123456",
    "livekit_api_key": "APIabcdef123456",
    "livekit_api_secret": "livekit-secret-123456-0123456789ab",
}
HOSTED = Settings.model_validate(
    KEYS | {"livekit_url": "wss://p.livekit.example", "cekura_api_url": "https://api.cekura.example"}
)


@pytest.fixture(autouse=True)
def _no_proxy_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stamina.set_testing(True, attempts=2)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    yield
    stamina.set_testing(False)


@asynccontextmanager
async def service() -> AsyncIterator[int]:
    """A server whose answer is empty: no runs for Cekura's client, no rooms for LiveKit's. Yields its port."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response([]) if request.method == "GET" else web.Response(content_type="application/protobuf")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def faults(settings: Settings) -> dict[str, KitError]:
    """Return the errors of the clients of Cekura's and of LiveKit's API; nothing if each has an answer."""
    found: dict[str, KitError] = {}
    try:
        async with Cekura(settings) as cekura:
            await cekura.latest_runs(1)
    except KitError as error:
        found["cekura"] = error
    try:
        async with LiveKit(settings, Budget(100)) as livekit:
            await livekit.rooms()
    except KitError as error:
        found["livekit"] = error
    return found


def at(port: int) -> Settings:
    return Settings.model_validate(
        KEYS | {"livekit_url": f"wss://localhost:{port}", "cekura_api_url": f"https://localhost:{port}"}
    )


async def test_a_certificate_that_is_not_trusted_is_named_with_how_to_trust_it() -> None:
    async with service() as port, TlsFront(port) as tls:
        settings = at(tls.port)
        said = await faults(settings)
        async with Cekura(settings) as cekura:
            with pytest.raises(CekuraUnreachable) as start:
                await cekura.start(Mode.VOICE, [{"scenario": 1}])
        witness = Witness(evaluator="e", text=True, clock=lambda: 0.0, on_line=lambda _: None, on_change=lambda: None)
        with pytest.raises(LiveKitError) as joined:
            await witness.join(settings.room_url, participant_token(settings, room="r", identity="w", ttl=60))
        await witness.leave()

    for error in (said["cekura"], said["livekit"], start.value):
        assert "has a certificate that is not trusted: " in str(error)
        assert "unable to get local issuer certificate" in str(error)
        assert "SSL_CERT_FILE" in error.hint
    assert isinstance(said["livekit"], LiveKitUnreachable)
    assert not said["livekit"].refused, "the server runs"
    assert str(joined.value) == "the witness could not join: LiveKit's certificate is not trusted (UnknownIssuer)"
    assert "SSL_CERT_FILE" in joined.value.hint


async def test_a_certificate_is_trusted_as_the_hint_says() -> None:
    # A process of its own: Python's clients read the variable when they are imported.
    async with service() as port, TlsFront(port) as tls:
        code = (
            "import asyncio, stamina\nfrom tests.trigger.test_network import at, faults\n"
            f"print(asyncio.run(faults(at({tls.port}))))\n"
            "stamina.set_testing(True, attempts=2)\n"
            "print(*asyncio.run(faults(at(9))))"
        )
        done = await _python(code, SSL_CERT_FILE=str(ISSUER))
    assert done == "{}\ncekura livekit\n", "nothing else is printed, as of retries"


async def _python(code: str, **environment: str) -> str:
    import asyncio

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        env=os.environ | environment,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()


async def test_both_apis_are_reached_through_a_proxy_and_its_password_is_never_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with service() as port, HttpProxy(to=port) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//ada:hunter2@"))
        settings = Settings.model_validate(
            KEYS | {"livekit_url": "ws://livekit.example:80", "cekura_api_url": "http://cekura.example:80"}
        )
        assert await faults(settings) == {}
        proxy.refuses = 407
        said = await faults(settings)

    assert [line.split()[1] for line in proxy.asked[:2]] == [
        "http://cekura.example/test_framework/v2/runs/?page_size=1",
        "http://livekit.example/twirp/livekit.RoomService/ListRooms",
    ]
    assert set(proxy.authorized) == {"Basic YWRhOmh1bnRlcjI="}
    assert "hunter2" not in "".join(f"{error} {error.hint}" for error in said.values())


async def test_a_proxy_that_refuses_or_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HttpProxy(refuses=403) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//ada:hunter2@"))
        refused = await faults(HOSTED)
    assert proxy.asked[0] == "CONNECT api.cekura.example:443 HTTP/1.1"
    assert proxy.asked[-1] == "CONNECT p.livekit.example:443 HTTP/1.1"
    gone = await faults(HOSTED)
    for said in (refused, gone):
        for service_name, error in said.items():
            assert f"cannot be reached through the proxy {proxy.url} (HTTPS_PROXY)" in str(error), service_name
            assert "check HTTPS_PROXY" in error.hint
            assert "hunter2" not in f"{error} {error.hint}"
        assert set(said) == {"cekura", "livekit"}
        assert isinstance(said["livekit"], LiveKitUnreachable)
        assert not said["livekit"].refused, "the proxy is gone, and LiveKit may run"
    assert "403" in str(refused["cekura"])
    assert "403" in str(refused["livekit"])


async def test_a_proxy_is_never_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with service() as port, HttpProxy(refuses=403) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        local = {"livekit_url": f"ws://127.0.0.1:{port}", "cekura_api_url": f"http://127.0.0.1:{port}"}
        settings = Settings.model_validate(KEYS | local)
        assert await faults(settings) == {}
        async with LiveKit(settings, Budget(100)):
            assert "HTTP_PROXY" not in os.environ, "LiveKit's native client reads it, and ignores NO_PROXY"
        assert os.environ["HTTP_PROXY"] == proxy.url
    assert proxy.asked == []


def test_a_proxy_that_no_client_can_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://ada:hunter2@proxy.example:1080")
    with pytest.raises(SettingsError) as raised:
        HOSTED.check(lambda _: ["93.184.216.34"])
    assert str(raised.value) == "ALL_PROXY names socks5://proxy.example:1080: no HTTP proxy"


PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "described", "doubt"),
    [
        (
            {"HTTPS_PROXY": PROXY},
            f"Cekura through the proxy {PROXY} (HTTPS_PROXY), LiveKit's API through the proxy {PROXY} (HTTPS_PROXY), "
            f"LiveKit's rooms through the proxy {PROXY} (HTTPS_PROXY), the worker through the proxy {PROXY}",
            "",
        ),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "cekura.example"}, "Cekura directly, LiveKit's API through", ""),
        (
            {"HTTPS_PROXY": PROXY, "NO_PROXY": ".livekit.example"},
            "LiveKit's API directly, LiveKit's rooms through",
            "rooms and worker ignore NO_PROXY",
        ),
        (
            {"ALL_PROXY": PROXY},
            f"Cekura through the proxy {PROXY} (ALL_PROXY), LiveKit's API directly, LiveKit's rooms directly",
            "ignore ALL_PROXY",
        ),
        ({"https_proxy": PROXY}, "the worker directly", "the worker ignores https_proxy"),
        ({"HTTP_PROXY": PROXY}, "Cekura directly, LiveKit's API directly", "read HTTPS_PROXY for wss://"),
    ],
)
async def test_doctor_names_the_way_to_each_service(
    environment: dict[str, str], described: str, doubt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = routes(HOSTED.cekura_api_url, HOSTED.livekit_url, environment)
    assert found is not None
    assert described in found.described
    assert doubt in "".join(text for text, _ in found.doubts)
    assert bool(found.doubts) is bool(doubt)


async def test_doctor_behind_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HttpProxy(refuses=403) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        checks = {check.name: check for check in await examine(None, settings=HOSTED)}
    assert checks["proxies"].outcome == "ok"
    assert "sound and data pass none" in checks["proxies"].detail
    failed: list[Check] = [checks["livekit"], checks["cekura key"]]
    for check in failed:
        assert check.outcome == "failed"
        assert f"through the proxy {proxy.url} (HTTPS_PROXY)" in check.detail


async def test_without_a_proxy_there_is_nothing_to_check() -> None:
    async with service() as port:
        local: dict[str, Any] = {"livekit_url": f"ws://127.0.0.1:{port}", "cekura_api_url": f"http://127.0.0.1:{port}"}
        checks = {check.name: check for check in await examine(None, settings=Settings.model_validate(KEYS | local))}
    assert checks["proxies"].outcome == "skipped"
