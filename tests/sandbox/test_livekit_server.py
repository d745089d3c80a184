"""Finding, fetching and running a livekit-server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import platform
import sys
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import psutil
import pytest

from cekura_agent_kit.errors import SandboxError
from cekura_agent_kit.sandbox.livekit_server import VERSION, LiveKitServer, find_binary

linux = pytest.mark.skipif(sys.platform != "linux", reason="releases to download exist for Linux")


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and an empty PATH; gives the cache's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "cache" / "cekura-agent-kit"


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[tuple[str, Callable[..., None]]]:
    """A release server's address, and what publishes a release on it."""
    root = tmp_path / "releases"
    (root / f"v{VERSION}").mkdir(parents=True)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
    name = f"livekit_{VERSION}_linux_{machine}.tar.gz"

    def publish(*, member: str = "livekit-server", checksum: str = "") -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            content = b"#!/bin/sh\necho released\n"
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        (root / f"v{VERSION}" / name).write_bytes(packed.getvalue())
        checksum = checksum or hashlib.sha256(packed.getvalue()).hexdigest()
        (root / f"v{VERSION}" / "checksums.txt").write_text(f"{'0' * 64}  other.tar.gz\n{checksum}  {name}\n")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", publish
    server.shutdown()
    server.server_close()


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_path_comes_first_then_the_cache(alone: Path, tmp_path: Path) -> None:
    cached = program(alone / f"livekit-server-{VERSION}")
    assert find_binary() == cached
    on_path = program(tmp_path / "bin" / "livekit-server")
    assert find_binary() == on_path


@linux
def test_a_release_is_downloaded_checked_and_kept(alone: Path, releases: tuple[str, Callable[..., None]]) -> None:
    address, publish = releases
    publish()
    said: list[str] = []
    found = find_binary(said.append, releases=address)
    assert found == alone / f"livekit-server-{VERSION}"
    assert found.read_bytes() == b"#!/bin/sh\necho released\n"
    assert os.access(found, os.X_OK)
    assert said == [f"Downloading livekit-server {VERSION} (about 25 MB, once)."]
    assert [each.name for each in alone.iterdir()] == [found.name]


@linux
@pytest.mark.parametrize(
    ("broken", "says"),
    [({"checksum": "f" * 64}, "has checksum"), ({"member": "something-else"}, "holds no livekit-server")],
)
def test_a_release_that_does_not_hold_is_not_used(
    alone: Path, releases: tuple[str, Callable[..., None]], broken: dict[str, str], says: str
) -> None:
    address, publish = releases
    publish(**broken)
    with pytest.raises(SandboxError, match=says) as caught:
        find_binary(releases=address)
    assert "there is no Go to build it with" in str(caught.value)
    assert "install one" in caught.value.hint
    assert list(alone.iterdir()) == []


def test_go_builds_it_where_the_download_fails(
    alone: Path, tmp_path: Path, releases: tuple[str, Callable[..., None]]
) -> None:
    program(tmp_path / "bin" / "go", '#!/bin/sh\n[ "$1" = install ] && echo "$2" > "$GOBIN/server"\n')
    found = find_binary(releases=releases[0])
    assert found.read_text() == f"github.com/livekit/livekit-server/cmd/server@v{VERSION}\n"


def test_a_build_that_fails_says_why(alone: Path, tmp_path: Path, releases: tuple[str, Callable[..., None]]) -> None:
    program(tmp_path / "bin" / "go", "#!/bin/sh\necho no space left >&2\nexit 1\n")
    with pytest.raises(SandboxError, match="go install failed: no space left"):
        find_binary(releases=releases[0])


@pytest.mark.server
async def test_it_starts_stops_and_comes_back(livekit_server: LiveKitServer) -> None:
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


async def test_a_program_that_is_no_server_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="livekit-server did not start: what a pity"):
        await LiveKitServer(program(tmp_path / "x", "#!/bin/sh\necho what a pity\nexit 1\n")).start()


@pytest.mark.server
async def test_ten_at_once_find_ports_of_their_own(livekit_server: LiveKitServer) -> None:
    servers = await asyncio.gather(*(LiveKitServer.running() for _ in range(10)))
    assert len({server.port for server in servers}) == 10
    await asyncio.gather(*(server.stop() for server in servers))
