"""A real livekit-server: started, stopped, killed, started again."""

from __future__ import annotations

import asyncio
import shlex
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx
import psutil
import pytest
from livekit import rtc
from livekit.protocol.rtc import SignalResponse

from cekura_agent_kit.errors import SandboxError
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.sandbox.server_binary import find_binary
from tests.sandbox.cekura_requests import token


@pytest.mark.server
async def test_it_starts_stops_and_starts_again(livekit_server: LiveKitServer) -> None:
    server = await LiveKitServer.running()
    url, pid = server.url, server.pid
    assert pid
    assert url != livekit_server.url
    assert server.api_secret not in " ".join(psutil.Process(pid).cmdline())
    await server.kill()
    assert not psutil.pid_exists(pid)
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url.replace("ws", "http"))
        await server.start()
        assert server.url == url
        assert (await client.get(url.replace("ws", "http"))).text == "OK"
    await server.stop()
    assert server.pid is None


async def test_a_program_that_ends_at_once_is_reported_with_its_output(tmp_path: Path) -> None:
    program = tmp_path / "livekit-server"
    program.write_text("#!/bin/sh\necho what a pity\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(SandboxError, match="livekit-server did not start: what a pity"):
        await LiveKitServer(program).start()


@pytest.mark.server
async def test_ten_servers_at_the_same_time_have_different_ports(livekit_server: LiveKitServer) -> None:
    servers = await asyncio.gather(*(LiveKitServer.running() for _ in range(10)))
    assert len({server.port for server in servers}) == 10
    await asyncio.gather(*(server.stop() for server in servers))


PASSES_SIGNALS_ON = """#!/bin/sh
{server} "$@" &
trap 'kill -TERM $!' TERM
while kill -0 $! 2>/dev/null; do wait $!; code=$?; done
echo $code > {code}
"""


@pytest.mark.server
async def test_a_server_with_somebody_in_a_room_is_stopped_and_not_killed(tmp_path: Path) -> None:
    """After one signal it waits until everybody has left."""
    program, code = tmp_path / "livekit-server", tmp_path / "code"
    program.write_text(PASSES_SIGNALS_ON.format(server=shlex.quote(str(find_binary())), code=shlex.quote(str(code))))
    program.chmod(0o755)
    server, room = LiveKitServer(program), rtc.Room()
    await server.start()
    try:
        await room.connect(server.url, token(server=server))
        await server.stop()
    finally:
        await server.kill()
        await room.disconnect()
    assert code.read_text() == "0\n"


@pytest.mark.server
async def test_a_client_is_sent_to_no_server_of_the_internet(livekit_server: LiveKitServer) -> None:
    """The server names STUN servers of Google and Twilio if none is set, and clients look them up."""
    url = livekit_server.url.replace("ws", "http", 1) + "/rtc"
    asked = {"access_token": token(server=livekit_server), "protocol": "15"}
    async with aiohttp.ClientSession() as session, session.ws_connect(url, params=asked) as socket:
        joined = SignalResponse.FromString(await socket.receive_bytes(timeout=60)).join
    urls = [url for server in joined.ice_servers for url in server.urls]
    addresses = [urlsplit(url.replace(":", "://", 1)).hostname for url in urls]
    assert addresses
    assert all(ip_address(address or "").is_loopback for address in addresses)
