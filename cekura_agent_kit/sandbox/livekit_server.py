"""A real livekit-server on loopback: found or fetched, started on free ports, stopped."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import secrets
import shutil
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from ..errors import SandboxError

VERSION: Final = "1.13.5"
RELEASES: Final = "https://github.com/livekit/livekit/releases/download"
_GO_MODULE: Final = "github.com/livekit/livekit-server/cmd/server"
_TARGET_LOAD: Final = 100
"""From this load on, a worker is given no more jobs. The server's default, 0.7 of the machine, is passed by the first
five job processes on two cores, and then each dispatch waits for a worker that never comes."""
_START_TIMEOUT: Final = 15.0
_STOP_TIMEOUT: Final = 5.0

Say = Callable[[str], None]


def cache_dir() -> Path:
    """Where fetched programs are kept: ``$XDG_CACHE_HOME`` or ``~/.cache``, in ``cekura-agent-kit``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cekura-agent-kit"


def find_binary(say: Say = lambda _: None, *, releases: str = RELEASES) -> Path:
    """A livekit-server: on PATH, in the cache, downloaded and checked, or built with Go, in this order.

    Args:
        say: told in plain words what is being done where it takes long.
        releases: where releases are downloaded from.

    Raises:
        SandboxError: none of the ways led to one; the text says how each failed.
    """
    if on_path := shutil.which("livekit-server"):
        return Path(on_path)
    cached = cache_dir() / f"livekit-server-{VERSION}"
    if cached.exists():
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    # Fetched beside its place and renamed into it, so that two at once do not meet half a file.
    with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
        for way in (_download, _go_install):
            try:
                fetched = way(Path(folder), say, releases)
            except SandboxError as error:
                failures.append(str(error))
            else:
                fetched.chmod(0o755)
                fetched.replace(cached)
                return cached
    raise SandboxError(
        "no livekit-server: not on PATH, " + "; ".join(failures),
        hint="install one (https://docs.livekit.io/home/self-hosting/local/; on macOS `brew install livekit`), "
        f"or install Go and try again, or put the program at {cached}",
    )


def _download(folder: Path, say: Say, releases: str) -> Path:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
    if platform.system() != "Linux" or machine is None:
        raise SandboxError(f"no release to download for {platform.system()} on {platform.machine()}")
    name = f"livekit_{VERSION}_linux_{machine}.tar.gz"
    say(f"Downloading livekit-server {VERSION} (about 25 MB, once).")
    try:
        with httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60, connect=10)) as client:
            checksums = client.get(f"{releases}/v{VERSION}/checksums.txt").raise_for_status().text
            archive = client.get(f"{releases}/v{VERSION}/{name}").raise_for_status().content
    except httpx.HTTPError as error:
        raise SandboxError(f"the download failed ({type(error).__name__}: {error})") from error
    expected = {line.split()[-1].lstrip("*"): line.split()[0] for line in checksums.splitlines() if line.strip()}
    actual = hashlib.sha256(archive).hexdigest()
    if expected.get(name) != actual:
        raise SandboxError(f"the download of {name} has checksum {actual}, not {expected.get(name)}")
    packed = folder / name
    packed.write_bytes(archive)
    try:
        with tarfile.open(packed) as tar:
            tar.extract("livekit-server", folder, filter="data")
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise SandboxError(f"the download of {name} holds no livekit-server ({error})") from error
    return folder / "livekit-server"


def _go_install(folder: Path, say: Say, _releases: str) -> Path:
    go = shutil.which("go")
    if go is None:
        raise SandboxError("there is no Go to build it with")
    say(f"Building livekit-server {VERSION} with Go (about two minutes, once).")
    environment = os.environ | {"GOBIN": str(folder)}
    built = subprocess.run(
        [go, "install", f"{_GO_MODULE}@v{VERSION}"], env=environment, capture_output=True, text=True, check=False
    )
    if built.returncode:
        raise SandboxError(f"go install failed: {built.stderr.strip()[-300:]}")
    return folder / "server"


class LiveKitServer:
    """One livekit-server, on loopback and free ports, with a key of its own.

    An async context manager. The process belongs to no event loop: it can be started in one and stopped in another.

    Attributes:
        url: ``ws://127.0.0.1:PORT``.
        api_key, api_secret: made anew for each server.
    """

    def __init__(self, binary: Path) -> None:
        self.api_key = "kit" + secrets.token_hex(6)
        self.api_secret = secrets.token_hex(24)
        self.port = 0
        self._binary = binary
        self._folder = tempfile.TemporaryDirectory(prefix="cekura-kit-livekit-")
        self._ports: tuple[int, int, int] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's WebSocket URL."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What workers and triggers need to know of it."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
        }

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """What it has printed."""
        path = Path(self._folder.name) / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @classmethod
    async def running(cls, say: Say = lambda _: None) -> Self:
        """Find a binary and start it."""
        server = cls(await asyncio.to_thread(find_binary, say))
        await server.start()
        return server

    async def start(self) -> None:
        """Start it, on the same ports when it ran before.

        Raises:
            SandboxError: it did not answer in time; ends with what it printed.
        """
        for _attempt in range(5):
            if await self._start_on(self._ports or _free_ports()):
                return
        tail = self.log[-500:]
        raise SandboxError(f"livekit-server did not start: {tail}", hint=f"try it by hand: {self._binary} --dev")

    async def _start_on(self, ports: tuple[int, int, int]) -> bool:
        folder = Path(self._folder.name)
        http, tcp, udp = ports
        config = folder / "livekit.yaml"
        # In a file, not in the arguments: those stand in the process list.
        config.touch(mode=0o600)
        config.write_text(
            f"port: {http}\nbind_addresses: [127.0.0.1]\n"
            f"rtc: {{tcp_port: {tcp}, udp_port: {udp}, node_ip: 127.0.0.1, use_external_ip: false,\n"
            # Nobody else is to reach it, and who joins is there a quarter sooner.
            f"  enable_loopback_candidate: true, interfaces: {{includes: [lo, lo0]}}}}\n"
            f"keys: {{{self.api_key}: {self.api_secret}}}\nlogging: {{level: info}}\n"
            f"agents: {{target_load: {_TARGET_LOAD}}}\n"
        )
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binary), "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C goes to the whole group; ours ends it after the rooms have been cleaned.
                start_new_session=True,
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
            # Also when the wait is cut short: by Ctrl-C, most of all.
            if not started:
                await self.kill()
        return started

    async def stop(self) -> None:
        """End it and remove its files."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, _STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                await self.kill()
        self._process = None
        self._folder.cleanup()

    async def kill(self) -> None:
        """End it at once, as a crash would; `start` brings it back on the same ports."""
        if self._process:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
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
    """Ports for HTTP, RTC over TCP, RTC over UDP. Another process may take one in between: start tries again."""
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
