"""A real livekit-server on loopback: started on free ports, stopped, killed, and started again."""

from __future__ import annotations

import asyncio
import secrets
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from ..errors import SandboxError
from ..guarded import GuardedProcess
from .server_binary import Say, find_binary, remove_unfinished

_TARGET_LOAD: Final = 100
"""Load from which the server gives a worker no more jobs. With the server's default, 0.7 of the machine, five job
processes that start on two cores are too many, and dispatches then wait for a worker in vain."""
_START_TIMEOUT: Final = 15.0
_STOP_TIMEOUT: Final = 5.0
_DRAIN_TIMEOUT: Final = 0.3
"""Seconds from the first SIGTERM to the second, which makes the server end at once. After the first it looks only every
5 s whether its last participants have left, and in its first tenth of a second it ignores it."""


class LiveKitServer:
    """One livekit-server on loopback, on free ports, with its own key. An async context manager.

    The process belongs to no event loop: it can be started in one and stopped in another.

    Args:
        binary: the program.
        redis: ``HOST:PORT`` of a Redis, which makes the server one node of several. Nodes need the same key and secret.

    Attributes:
        api_key, api_secret: random, new for each server.
        port: the HTTP port; 0 before the first start.
    """

    def __init__(self, binary: Path, *, redis: str | None = None) -> None:
        self.api_key = "kit" + secrets.token_hex(6)
        self.api_secret = secrets.token_hex(24)
        self.port = 0
        self._binary, self._redis = binary, redis
        self._folder = tempfile.TemporaryDirectory(prefix="cekura-kit-livekit-")
        self._ports: tuple[int, int, int] | None = None
        self._process: GuardedProcess | None = None

    @property
    def url(self) -> str:
        """The WebSocket URL, ``ws://127.0.0.1:PORT``."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a worker and a trigger: URL, key and secret."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
        }

    @property
    def pid(self) -> int | None:
        """The process id while the server runs, else None."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """All output so far."""
        path = Path(self._folder.name) / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @classmethod
    async def running(cls, say: Say = lambda _: None) -> Self:
        """Find a program and start a server.

        Raises:
            SandboxError: as `find_binary` and `start`.
        """
        try:
            binary = await asyncio.to_thread(find_binary, say)
        except asyncio.CancelledError:
            # The thread may go on; what it fetches is nowhere to be put.
            remove_unfinished()
            raise
        server = cls(binary)
        await server.start()
        return server

    async def start(self) -> None:
        """Start the server; again on the same ports when it ran before.

        Raises:
            SandboxError: it ended, or did not answer within 15 s, five times. The text ends with its output.
        """
        for _attempt in range(5):
            if await self._start_on(self._ports or _free_ports()):
                return
        tail = self.log[-500:]
        raise SandboxError(
            f"livekit-server did not start: {tail}", hint=f"run it by hand to see why: {self._binary} --dev"
        )

    async def _start_on(self, ports: tuple[int, int, int]) -> bool:
        folder = Path(self._folder.name)
        http, tcp, udp = ports
        config = folder / "livekit.yaml"
        # Not in the arguments: everybody on the machine can read those.
        config.touch(mode=0o600)
        config.write_text(
            f"port: {http}\nbind_addresses: [127.0.0.1]\n"
            f"rtc: {{tcp_port: {tcp}, udp_port: {udp}, node_ip: 127.0.0.1, use_external_ip: false,\n"
            # Loopback only: nobody else can reach it, and participants connect in a quarter less time.
            f"  enable_loopback_candidate: true, interfaces: {{includes: [lo, lo0]}},\n"
            # Where none is set, the server names STUN servers of the internet, and clients look them up. This address
            # costs nothing: a client sends to it from no socket of IPv4.
            f"  stun_servers: ['[::1]:{udp}']}}\n"
            f"keys: {{{self.api_key}: {self.api_secret}}}\nlogging: {{level: info}}\n"
            f"agents: {{target_load: {_TARGET_LOAD}}}\n"
            + (f"redis: {{address: '{self._redis}'}}\n" if self._redis else "")
        )
        self._process = GuardedProcess(
            [str(self._binary), "--config", str(config)], log=folder / "log", key_files=[config], grace=_STOP_TIMEOUT
        )
        started = False
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                deadline = asyncio.get_running_loop().time() + _START_TIMEOUT
                while self._process.poll() is None and asyncio.get_running_loop().time() < deadline:
                    try:
                        await client.get(f"http://127.0.0.1:{http}/", timeout=1)
                    except httpx.TransportError:
                        await asyncio.sleep(0.02)
                    else:
                        self._ports, self.port = ports, http
                        started = True
                        break
        finally:
            # Also when the wait is cancelled, by Ctrl-C for example.
            if not started:
                await self.kill()
        return started

    async def stop(self) -> None:
        """Stop the server and delete its files."""
        for patience in (_DRAIN_TIMEOUT, _STOP_TIMEOUT):
            if self._process and self._process.poll() is None:
                self._process.terminate()
                await asyncio.to_thread(self._process.wait, patience)
        await self.kill()
        self._folder.cleanup()

    async def kill(self) -> None:
        """Kill the process, like a crash. `start` starts it again on the same ports."""
        if self._process:
            await asyncio.to_thread(self._process.kill)
            self._process = None

    async def __aenter__(self) -> Self:
        if self._process is None:
            await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _free_ports() -> tuple[int, int, int]:
    """Return free ports for HTTP, RTC over TCP and RTC over UDP.

    Another process may bind one before the server does; `LiveKitServer.start` then tries others.
    """
    kinds = (socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM)
    sockets = [socket.socket(socket.AF_INET, kind) for kind in kinds]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        http, tcp, udp = (each.getsockname()[1] for each in sockets)
        return http, tcp, udp
    finally:
        for each in sockets:
            each.close()
