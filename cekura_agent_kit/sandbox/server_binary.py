"""A livekit-server program: found on PATH or in the cache, downloaded, or built with Go."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from ..errors import SandboxError
from ..guarded import GuardedProcess

VERSION: Final = "1.13.5"
RELEASES: Final = "https://github.com/livekit/livekit/releases/download"
MIRROR_VARIABLE: Final = "CEKURA_KIT_LIVEKIT_RELEASES"
"""Environment variable: the URL of a mirror of `RELEASES`."""
CHECKSUM_VARIABLE: Final = "CEKURA_KIT_LIVEKIT_SHA256"
"""Environment variable: the SHA-256 of the mirror's archive, where it is not LiveKit's own."""
_CHECKSUMS: Final = {
    "amd64": "c020fac437b7cc9b776eef1ad5ea8af77be9acfa07602eca20a3a44930dfbc70",
    "arm64": "332015305518765fe05bad74fc3a9d9583e635e7dd130de3c4fc563d69c550f3",
}
"""SHA-256 of the release's archives for Linux, from its ``checksums.txt``. Kept here, so that whoever can change the
archive on the host cannot change what it is compared with."""
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_GO_MODULE: Final = "github.com/livekit/livekit-server/cmd/server"
_PROGRAM: Final = "livekit-server"
_DOWNLOAD_TIMEOUT: Final = httpx.Timeout(60, connect=10)
_UNFINISHED: Final = "fetching"
"""Prefix of the folders in the cache that a fetch works in."""
_ABANDONED: Final = 3600.0
"""Seconds after which such a folder is nobody's: its process was killed."""

Say = Callable[[str], None]


def cache_dir() -> Path:
    """Return the folder for fetched programs: ``cekura-agent-kit`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cekura-agent-kit"


def find_binary(say: Say = lambda _: None) -> Path:
    """Return a livekit-server: on PATH, in the cache, downloaded, or built with Go, in this order.

    Args:
        say: called with one line of text before each step that takes long.

    Raises:
        SandboxError: no livekit-server was found, and none could be fetched or built. The text has the reason of each.
    """
    if on_path := shutil.which(_PROGRAM):
        return Path(on_path)
    cached = cache_dir() / f"{_PROGRAM}-{VERSION}"
    if cached.exists():
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished()
    failures = []
    # Fetched into a folder of its own and renamed when complete: two processes may fetch at the same time.
    with tempfile.TemporaryDirectory(dir=cached.parent, prefix=f"{_UNFINISHED}-{os.getpid()}-") as folder:
        for fetch in (_download, _build):
            try:
                fetched = fetch(Path(folder), say)
            except SandboxError as error:
                failures.append(str(error))
            else:
                fetched.chmod(0o755)
                fetched.replace(cached)
                return cached
    raise SandboxError(
        f"no {_PROGRAM}: not on PATH, " + "; ".join(failures),
        hint="install one (https://docs.livekit.io/home/self-hosting/local/; on macOS `brew install livekit`), "
        f"or install Go and run the command again, or copy the program to {cached}",
    )


def remove_unfinished() -> None:
    """Remove what this process's fetches have left in the cache, and what others left that were killed."""
    for folder in cache_dir().glob(f"{_UNFINISHED}-*"):
        own = folder.name.startswith(f"{_UNFINISHED}-{os.getpid()}-")
        if own or time.time() - folder.stat().st_mtime > _ABANDONED:
            shutil.rmtree(folder, ignore_errors=True)


def _download(folder: Path, say: Say) -> Path:
    machine = _MACHINES.get(platform.machine())
    if platform.system() != "Linux" or machine is None:
        raise SandboxError(f"LiveKit publishes no release for {platform.system()} on {platform.machine()}")
    mirror = os.environ.get(MIRROR_VARIABLE, "")
    expected = (mirror and os.environ.get(CHECKSUM_VARIABLE)) or _CHECKSUMS[machine]
    url = f"{(mirror or RELEASES).rstrip('/')}/v{VERSION}/livekit_{VERSION}_linux_{machine}.tar.gz"
    say(f"Downloading livekit-server {VERSION} (about 18 MB, once).")
    try:
        with httpx.Client(follow_redirects=True, timeout=_DOWNLOAD_TIMEOUT) as client:
            archive = client.get(url).raise_for_status().content
    # The second: what is in the mirror's variable is not a URL.
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SandboxError(f"the download of {url} failed ({type(error).__name__}: {_first_line(error)})") from error
    actual = hashlib.sha256(archive).hexdigest()
    if actual != expected:
        raise SandboxError(f"the download of {url} has the SHA-256 {actual}, expected {expected}")
    return _unpack(archive, folder, url)


def _unpack(archive: bytes, folder: Path, url: str) -> Path:
    """Write the program to the folder.

    The content of one member is copied, and nothing is extracted: no path, link or mode of the archive has any effect.
    (``TarFile.extract`` has no ``filter`` before Python 3.11.4.)
    """
    packed, program = folder / "archive.tar.gz", folder / _PROGRAM
    packed.write_bytes(archive)
    try:
        with tarfile.open(packed) as tar:
            member = tar.getmember(_PROGRAM)
            content = tar.extractfile(member) if member.isfile() else None
            if content is None:
                raise SandboxError(f"{_PROGRAM} in the download of {url} is not a file")
            with content, program.open("wb") as copy:
                shutil.copyfileobj(content, copy)
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise SandboxError(f"the download of {url} has no {_PROGRAM} in it ({_first_line(error)})") from error
    return program


def _build(folder: Path, say: Say) -> Path:
    go = shutil.which("go")
    if go is None:
        raise SandboxError("Go, to build one with, is not on PATH")
    say(f"Building livekit-server {VERSION} with Go (about two minutes, once).")
    log = folder / "go.log"
    environment = os.environ | {"GOBIN": str(folder), "GOTMPDIR": str(folder)}
    # Guarded: a signal ends the command without waiting for this thread.
    process = GuardedProcess([go, "install", f"{_GO_MODULE}@v{VERSION}"], log=log, environment=environment)
    try:
        while (code := process.wait(1)) is None:
            pass
    finally:
        process.kill()
    if code:
        raise SandboxError(f"`go install` failed: {log.read_text(errors='replace').strip()[-300:]}")
    return folder / "server"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
