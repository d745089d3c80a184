"""A web server on loopback in the place of LiveKit's page of releases."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from cekura_agent_kit.sandbox.server_binary import VERSION

SCRIPT = b"#!/bin/sh\necho released\n"


class ReleasePage:
    """The page.

    Attributes:
        url: what `CEKURA_KIT_LIVEKIT_RELEASES` is set to.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self._folder = folder / f"v{VERSION}"
        self._folder.mkdir(parents=True)

    def publish(self, content: bytes = SCRIPT, *, member: str = "livekit-server", kind: bytes = tarfile.REGTYPE) -> str:
        """Publish an archive for this machine, and return its SHA-256."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            info = tarfile.TarInfo(member)
            info.type, info.linkname = kind, "/bin/sh" if kind == tarfile.SYMTYPE else ""
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(content))
        return self.publish_bytes(packed.getvalue())

    def publish_bytes(self, archive: bytes) -> str:
        """Publish these bytes as the archive, and return their SHA-256."""
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        (self._folder / f"livekit_{VERSION}_linux_{machine}.tar.gz").write_bytes(archive)
        return hashlib.sha256(archive).hexdigest()


@contextmanager
def release_page(folder: Path) -> Iterator[ReleasePage]:
    """Serve the folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield ReleasePage(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
