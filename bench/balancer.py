"""A TCP load balancer, as it stands before a cluster's nodes: one address, whose connections go to nodes in turn."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from typing import Self

_PIECE = 2**16


class Balancer:
    """The balancer. Serves within its context; a node that refuses a connection is left out for this connection.

    Args:
        ports: the nodes', on loopback.
        in_turn: False: the first node, and another one only where the first refuses.
    """

    def __init__(self, ports: Sequence[int], *, in_turn: bool = True) -> None:
        self._ports, self._in_turn = list(ports), in_turn
        self._turns = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The WebSocket URL."""
        assert self._server is not None, "the balancer serves within its context"
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = next(self._turns) if self._in_turn else 0
            for turn in range(len(self._ports)):
                with contextlib.suppress(OSError):
                    node = await asyncio.open_connection("127.0.0.1", self._ports[(first + turn) % len(self._ports)])
                    break
            else:
                return
            try:
                copies = {asyncio.create_task(_copy(*each)) for each in ((reader, node[1]), (node[0], writer))}
                try:
                    # Either side's end is the connection's: a node that died must be seen by its client.
                    await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for copy in copies:
                        copy.cancel()
                    await asyncio.gather(*copies, return_exceptions=True)
            finally:
                node[1].close()
        finally:
            writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(_PIECE):
            target.write(piece)
            await target.drain()
