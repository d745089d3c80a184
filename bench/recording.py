"""Requests that came to stand-ins, written to a file so that another client can send them again."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

_ROOM = re.compile(rb"cekura-kit-[0-9a-f]{16}")
_HEADERS = ("Authorization", "Content-Type")


@dataclass(frozen=True)
class Request:
    """A request that came.

    Attributes:
        at: `time.monotonic`'s seconds.
        service: ``livekit`` or ``cekura``.
        lane: the room that it names, or its service: requests of one lane are sent one after the other.
        headers: those that its client must send, without Cekura's key.
        body: in hexadecimal digits.
    """

    at: float
    service: str
    lane: str
    method: str
    path: str
    headers: dict[str, str]
    body: str


class Recording:
    """Requests that came to the services, in order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def of(self, app: web.Application, service: str) -> web.Application:
        """Have an app's requests recorded, before they are answered."""

        @web.middleware
        async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
            body = await request.read()
            room = _ROOM.search(body) if service == "livekit" else None
            self.requests.append(
                Request(
                    at=time.monotonic(),
                    service=service,
                    lane=room.group().decode() if room else service,
                    method=request.method,
                    path=request.path_qs,
                    headers={name: request.headers[name] for name in _HEADERS if name in request.headers},
                    body=body.hex(),
                )
            )
            return await handler(request)

        app.middlewares.insert(0, record)
        return app

    @property
    def routes(self) -> Counter[str]:
        """Number of requests by route: ``ListRooms``, ``GET runs/bulk/``; without ids."""
        return Counter(map(_route, self.requests))

    def write(self, file: Path) -> None:
        """Write one line of JSON for each request."""
        file.write_text("".join(f"{json.dumps(asdict(each))}\n" for each in self.requests))


def read_requests(file: Path) -> list[Request]:
    """Return the requests of a file that was written by `Recording.write`."""
    return [Request(**json.loads(line)) for line in file.read_text().splitlines()]


def _route(request: Request) -> str:
    path = request.path.partition("?")[0]
    if request.service == "livekit":
        return path.rpartition("/")[2]
    return f"{request.method} {re.sub(r'/[0-9]+/', '/ID/', re.sub('^/test_framework/(v[0-9]/)?', '', path))}"
