"""A livekit-server is found, downloaded or built."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cekura_agent_kit.errors import SandboxError
from cekura_agent_kit.sandbox.server_binary import CHECKSUM_VARIABLE, MIRROR_VARIABLE, VERSION, find_binary

from .release_page import SCRIPT, ReleasePage, release_page

ROOT = Path(__file__).parents[2]
DEBIANS_PYTHON = Path("/usr/bin/python3")

linux = pytest.mark.skipif(sys.platform != "linux", reason="LiveKit publishes releases for Linux only")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an empty cache; PATH is an empty folder, too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "cache" / "cekura-agent-kit"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleasePage]:
    with release_page(tmp_path / "releases") as page:
        monkeypatch.setenv(MIRROR_VARIABLE, page.url)
        monkeypatch.delenv(CHECKSUM_VARIABLE, raising=False)
        yield page


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_path_comes_first_then_the_cache(cache: Path, tmp_path: Path) -> None:
    cached = program(cache / f"livekit-server-{VERSION}")
    assert find_binary() == cached
    on_path = program(tmp_path / "bin" / "livekit-server")
    assert find_binary() == on_path


@linux
def test_a_release_is_downloaded_checked_and_kept(
    cache: Path, page: ReleasePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHECKSUM_VARIABLE, page.publish())
    said: list[str] = []
    found = find_binary(said.append)
    assert found == cache / f"livekit-server-{VERSION}"
    assert found.read_bytes() == SCRIPT
    assert os.access(found, os.X_OK)
    assert said == [f"Downloading livekit-server {VERSION} (about 18 MB, once)."]
    assert [each.name for each in cache.iterdir()] == [found.name]


@linux
@pytest.mark.parametrize(
    ("member", "kind", "says"),
    [
        ("something-else", tarfile.REGTYPE, "has no livekit-server in it"),
        ("../livekit-server", tarfile.REGTYPE, "has no livekit-server in it"),
        ("livekit-server", tarfile.SYMTYPE, "livekit-server in the download of http.* is not a file"),
        ("livekit-server", tarfile.DIRTYPE, "livekit-server in the download of http.* is not a file"),
    ],
)
def test_an_archive_with_something_else_in_it_is_refused(
    cache: Path, page: ReleasePage, monkeypatch: pytest.MonkeyPatch, member: str, kind: bytes, says: str
) -> None:
    monkeypatch.setenv(CHECKSUM_VARIABLE, page.publish(member=member, kind=kind))
    with pytest.raises(SandboxError, match=says) as caught:
        find_binary()
    assert "Go, to build one with, is not on PATH" in str(caught.value)
    assert "install one" in caught.value.hint
    assert list(cache.iterdir()) == []


@linux
def test_what_is_not_an_archive_is_refused(cache: Path, page: ReleasePage, monkeypatch: pytest.MonkeyPatch) -> None:
    for archive in (b"", b"<html>Not today</html>", b"\x1f\x8b\x08\x00broken"):
        monkeypatch.setenv(CHECKSUM_VARIABLE, page.publish_bytes(archive))
        with pytest.raises(SandboxError, match="has no livekit-server in it"):
            find_binary()
    assert list(cache.iterdir()) == []


@linux
def test_a_mirror_cannot_change_what_is_expected_of_livekits_own_release(cache: Path, page: ReleasePage) -> None:
    actual = page.publish()
    with pytest.raises(SandboxError, match=f"has the SHA-256 {actual}, expected [0-9a-f]{{64}}"):
        find_binary()
    assert list(cache.iterdir()) == []


@linux
@pytest.mark.parametrize("url", ["not a url", "http://127.0.0.1:9", "http://["])
def test_a_mirror_that_cannot_be_reached_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, url)
    with pytest.raises(SandboxError) as caught:
        find_binary()
    assert f"the download of {url}/v{VERSION}/livekit_" in str(caught.value)


def test_go_builds_it_where_the_download_fails(cache: Path, tmp_path: Path, page: ReleasePage) -> None:
    program(tmp_path / "bin" / "go", '#!/bin/sh\n[ "$1" = install ] && echo "$2" > "$GOBIN/server"\n')
    assert find_binary().read_text() == f"github.com/livekit/livekit-server/cmd/server@v{VERSION}\n"


def test_a_build_that_fails_names_its_reason(cache: Path, tmp_path: Path, page: ReleasePage) -> None:
    program(tmp_path / "bin" / "go", "#!/bin/sh\necho no space left >&2\nexit 1\n")
    with pytest.raises(SandboxError, match="`go install` failed: no space left"):
        find_binary()


def test_a_signal_while_it_is_fetched_leaves_nothing(cache: Path, tmp_path: Path, page: ReleasePage) -> None:
    pid = tmp_path / "pid"
    program(
        tmp_path / "bin" / "go", f"#!/bin/sh\n/bin/echo $$ > {pid}.new\n/bin/mv {pid}.new {pid}\nexec /bin/sleep 60\n"
    )
    scenarios = ROOT / "examples" / "restaurant" / "cekura.scenarios.yaml"
    process = subprocess.Popen([sys.executable, "-m", "cekura_agent_kit", "sandbox", "--scenarios", scenarios])
    try:
        while not pid.exists():
            assert process.poll() is None
            time.sleep(0.05)
        assert list(cache.glob("fetching-*"))
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    finally:
        process.kill()
    assert list(cache.iterdir()) == []
    _, alive = psutil.wait_procs(
        [psutil.Process(number) for number in psutil.pids() if number == int(pid.read_text())], 10
    )
    assert alive == []


def test_what_a_killed_command_left_is_removed_by_a_later_one(cache: Path, page: ReleasePage) -> None:
    abandoned, fetching = cache / "fetching-1-abandoned", cache / "fetching-1-others"
    abandoned.mkdir(parents=True)
    fetching.mkdir()
    os.utime(abandoned, (0, 0))
    with pytest.raises(SandboxError):
        find_binary()
    assert list(cache.iterdir()) == [fetching]


@linux
@pytest.mark.skipif(not DEBIANS_PYTHON.exists(), reason="the system has no Python of its own")
def test_a_release_is_unpacked_by_the_systems_own_python(
    cache: Path, page: ReleasePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian 12 has Python 3.11.2, whose `tarfile` lacks the extraction filters of 3.11.4."""
    monkeypatch.setenv(CHECKSUM_VARIABLE, page.publish())
    # The packages of this environment, for another 3.11: httpx and all that it needs are pure Python.
    import httpx

    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{Path(httpx.__file__).parents[1]}")
    code = "from cekura_agent_kit.sandbox.server_binary import find_binary; print(find_binary(lambda _: None))"
    done = subprocess.run([DEBIANS_PYTHON, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert Path(done.stdout.strip()).read_bytes() == SCRIPT


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(900)  # packages are downloaded
@linux
@pytest.mark.skipif(not DEBIANS_PYTHON.exists(), reason="the system has no Python of its own")
def test_the_demo_starts_without_go_on_the_systems_own_python(
    tmp_path: Path, page: ReleasePage, monkeypatch: pytest.MonkeyPatch, livekit_server: object
) -> None:
    """`make demo` as on a fresh Debian 12: its Python, no Go, no livekit-server, an empty home."""
    own = find_binary()
    monkeypatch.setenv(CHECKSUM_VARIABLE, page.publish(own.read_bytes()))
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "VIRTUAL_ENV", "PYTHON", "GO", "CEKURA_API", "LIVEKIT_"))
    }
    # The tools of the system alone.
    environment["PATH"] = "/usr/bin:/bin"
    environment["HOME"] = str(tmp_path / "home")
    assert shutil.which("go", path=environment["PATH"]) is None, "Go is among the system's own programs here"
    arguments = [f"VENV={tmp_path / 'environment'}", f"PYTHON={DEBIANS_PYTHON}"]
    done = subprocess.run(
        ["make", "demo", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    assert f"Downloading livekit-server {VERSION}" in shown
    cached = tmp_path / "home/.cache/cekura-agent-kit" / f"livekit-server-{VERSION}"
    assert cached.read_bytes() == own.read_bytes()
