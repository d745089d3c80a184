"""A TCP proxy that can be made to fail: the network between two real parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Proxy:
    """Forwards a port of loopback to another, while its context lasts.

    Args:
        port: where to.
        on_request: called with each piece of bytes before it is passed on.
    """

    def __init__(self, port: int, *, on_request: Callable[[bytes], object] = lambda _: None) -> None:
        self.port = 0
        self._to, self._on_request = port, on_request
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._pipes: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Take new connections; on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Refuse new connections; those that stand go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def freeze(self) -> None:
        """Pass nothing on any more, and tell nobody: a cable that was pulled."""
        self._flows.clear()

    def thaw(self) -> None:
        """Pass on again, what was held back too."""
        self._flows.set()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there: asyncio.StreamWriter | None = None
        try:
            await self._flows.wait()
            back, there = await asyncio.open_connection("127.0.0.1", self._to)
            pipes = {
                asyncio.create_task(self._pass(reader, there, self._on_request)),
                asyncio.create_task(self._pass(back, writer, lambda _: None)),
            }
            self._pipes |= pipes
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            for pipe in pipes:
                pipe.cancel()
        except OSError:
            pass  # Nobody listens there: closed at once, as a refusal would be.
        finally:
            writer.close()
            if there is not None:
                there.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_data: Callable[[bytes], object]
    ) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                on_data(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            return
