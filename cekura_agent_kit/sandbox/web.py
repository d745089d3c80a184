"""An HTTP service on loopback, on a free port, within a context."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from aiohttp import web

_SHUTDOWN: Final = 0.2
"""Seconds in which open requests may end. Answers that a fault holds back never end on their own."""


class WebService:
    """Base of the stand-ins. A subclass makes the application.

    Attributes:
        port: the port; 0 before the first start.
    """

    def __init__(self) -> None:
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self.port}"

    def make_app(self) -> web.Application:
        """Return the application to serve."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start serving; again on the same port when it served before."""
        self._runner = web.AppRunner(self.make_app(), shutdown_timeout=_SHUTDOWN, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
