"""Requests to LiveKit's server API, answered in the process.

Replaced, once a process, by the first rehearsal: ``TwirpClient.request`` (livekit-api 1.0 to 1.2), through which every
service of every `LiveKitAPI` sends its requests. It does nothing of its own outside of a rehearsed job.
"""

from __future__ import annotations

import contextvars
import functools
from typing import Any, Protocol

from google.protobuf.message import Message
from livekit.api.twirp_client import TwirpClient

__tracebackhide__ = True


class Server(Protocol):
    """A server that answers requests."""

    async def request(self, service: str, method: str, message: Any) -> Message:
        """Return the answer to a request.

        Raises:
            ServerError: as a server refuses it.
        """


_server: contextvars.ContextVar[Server | None] = contextvars.ContextVar("cekura_rehearsal_server", default=None)


def use_server(server: Server) -> None:
    """Send the requests of the current context, and of the tasks that it starts, to this server."""
    _server.set(server)


@functools.cache
def install() -> None:
    """Replace the method that the module names."""
    request: Any = TwirpClient.request

    @functools.wraps(request)
    async def rehearsed_request(
        client: TwirpClient, service: str, method: str, data: Message, *args: Any, **kwargs: Any
    ) -> Any:
        if (server := _server.get()) is None:
            return await request(client, service, method, data, *args, **kwargs)
        return await server.request(service, method, data)

    TwirpClient.request = rehearsed_request  # type: ignore[assignment, method-assign]
