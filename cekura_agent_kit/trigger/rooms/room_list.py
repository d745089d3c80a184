"""Lists of rooms by name. Those that are asked for while a request waits to be sent share it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ListedRoom:
    """Room as the server lists it. ``made_at`` is the server's own clock, Unix seconds; made again, its id is new."""

    name: str
    metadata: str
    made_at: float
    id: str = ""


class RoomList:
    """Rooms of a project, by name.

    The runs of one start ask at the same moment, and so do all runs after an outage of the server.

    Args:
        ask: sends a request for the names that its argument returns when it is sent.
    """

    def __init__(self, ask: Callable[[Callable[[], Sequence[str]]], Coroutine[Any, Any, list[ListedRoom]]]) -> None:
        self._ask = ask
        self._names: set[str] = set()
        """Of the request that waits to be sent."""
        self._waiting: asyncio.Task[list[ListedRoom]] | None = None
        self._requests: set[asyncio.Task[list[ListedRoom]]] = set()

    async def find(self, names: Iterable[str]) -> list[ListedRoom]:
        """Return those of the rooms that exist. Raises what the request raises."""
        wanted = set(names)
        self._names |= wanted
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._ask(self._take_names))
            self._requests.add(self._waiting)
            self._waiting.add_done_callback(self._on_end)
        # Whoever is cancelled ends nobody else's request.
        return [room for room in await asyncio.shield(self._waiting) if room.name in wanted]

    async def close(self) -> None:
        """Cancel what was asked for by callers that are gone."""
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)

    def _take_names(self) -> list[str]:
        names, self._names, self._waiting = sorted(self._names), set(), None
        return names

    def _on_end(self, request: asyncio.Task[list[ListedRoom]]) -> None:
        self._requests.discard(request)
        if self._waiting is request:
            self._names, self._waiting = set(), None
        if not request.cancelled():
            # It was raised where somebody still waits; nobody else is to hear of it.
            request.exception()
