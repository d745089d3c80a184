"""A real livekit-server: started, stopped, killed, started again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import psutil
import pytest

from cekura_agent_kit.errors import SandboxError
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer


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
