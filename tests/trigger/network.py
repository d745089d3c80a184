"""Parts between a machine and hosted services: servers with certificates of their own, and HTTP proxies."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

TLS: Final = Path(__file__).parents[1] / "data" / "tls"
"""A server's certificate for localhost and 127.0.0.1, its key, and its issuer, which nobody trusts. Until 2126."""
ISSUER: Final = TLS / "issuer.pem"


class _Forwarder:
    """Server on a free port of loopback that passes each connection on to another port."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()

    async def _listen(self, context: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None, "it is left before it was entered"
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, first: bytes = b""
    ) -> None:
        there_reader, there = await asyncio.open_connection(host, port)
        there.write(first)
        for source, target in ((reader, there), (there_reader, writer)):
            task = asyncio.create_task(_pipe(source, target))
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)


class TlsFront(_Forwarder):
    """TLS in front of a port of loopback, with the certificate of `TLS`."""

    def __init__(self, to: int) -> None:
        super().__init__()
        self._to = to

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
        await self._listen(context)
        return self

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._join(reader, writer, "127.0.0.1", self._to)


class HttpProxy(_Forwarder):
    """HTTP proxy that connects wherever it is asked to, or refuses.

    Args:
        refuses: status of its answer to each request; None to serve.
        to: port of loopback to which it connects, whatever host was asked for.

    Attributes:
        asked: the first line of each request.
        authorized: credentials of each request; empty for none.
    """

    def __init__(self, *, refuses: int | None = None, to: int | None = None) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.authorized: list[str] = []
        self.refuses, self._to = refuses, to

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().splitlines()
            self.asked.append(lines[0])
            sent = [line.split(" ", 1)[1] for line in lines if line.lower().startswith("proxy-authorization:")]
            self.authorized += sent or [""]
            if self.refuses is not None:
                writer.write(f"HTTP/1.1 {self.refuses} No\r\nContent-Length: 0\r\n\r\n".encode())
                writer.close()
                return
            method, target, _ = lines[0].split()
            asked = urlsplit(f"//{target}" if method == "CONNECT" else target)
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            await self._join(
                reader,
                writer,
                "127.0.0.1" if self._to else asked.hostname or "",
                self._to or asked.port or 80,
                b"" if method == "CONNECT" else head,
            )


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, ssl.SSLError, RuntimeError):
        writer.close()
