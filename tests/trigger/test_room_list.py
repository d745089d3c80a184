"""Lists of rooms by name: who asks at the same time shares a request, and nobody ends another's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from cekura_agent_kit.errors import LiveKitError
from cekura_agent_kit.trigger.rooms.room_list import ListedRoom, RoomList


class Server:
    """Answers with all rooms that are asked for and exist, once it is allowed to send."""

    def __init__(self, *rooms: str) -> None:
        self.rooms = rooms
        self.asked: list[list[str]] = []
        self.may_send, self.may_answer = asyncio.Event(), asyncio.Event()
        self.may_send.set()
        self.may_answer.set()
        self.error: LiveKitError | None = None

    async def ask(self, names: Callable[[], Sequence[str]]) -> list[ListedRoom]:
        await self.may_send.wait()
        asked = list(names())
        self.asked.append(asked)
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return [ListedRoom(name, "", 0.0) for name in self.rooms if name in asked]


def names(rooms: Sequence[ListedRoom]) -> list[str]:
    return [room.name for room in rooms]


async def test_those_who_ask_at_once_share_a_request_and_get_their_own_rooms() -> None:
    server = Server("a", "b")
    rooms = RoomList(server.ask)
    first, second, third = await asyncio.gather(rooms.find(["a"]), rooms.find(["b"]), rooms.find(["gone"]))
    assert (names(first), names(second), names(third)) == (["a"], ["b"], [])
    assert server.asked == [["a", "b", "gone"]]


async def test_who_asks_after_a_request_was_sent_gets_one_that_was_sent_later() -> None:
    """An older answer would not have a room that was made since."""
    server = Server("a", "b")
    rooms = RoomList(server.ask)
    server.may_answer.clear()
    first = asyncio.create_task(rooms.find(["a"]))
    while not server.asked:  # noqa: ASYNC110 - a step of the loop is enough
        await asyncio.sleep(0)
    second = asyncio.create_task(rooms.find(["b"]))
    await asyncio.sleep(0)
    server.may_answer.set()
    assert (names(await first), names(await second)) == (["a"], ["b"])
    assert server.asked == [["a"], ["b"]]


async def test_who_is_cancelled_ends_nobody_elses_request() -> None:
    server = Server("a", "b")
    rooms = RoomList(server.ask)
    server.may_send.clear()
    first, second = asyncio.create_task(rooms.find(["a"])), asyncio.create_task(rooms.find(["b"]))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    server.may_send.set()
    assert names(await second) == ["b"]
    assert first.cancelled()


async def test_an_error_is_raised_to_all_and_the_next_request_is_a_new_one() -> None:
    server = Server("a")
    rooms = RoomList(server.ask)
    server.error = LiveKitError("LiveKit answered 503", hint="")
    failed = await asyncio.gather(rooms.find(["a"]), rooms.find(["b"]), return_exceptions=True)
    assert all(each is server.error for each in failed)
    server.error = None
    assert names(await rooms.find(["a"])) == ["a"]


async def test_what_waits_at_the_end_is_cancelled() -> None:
    server = Server("a")
    rooms = RoomList(server.ask)
    server.may_send.clear()
    waiting = asyncio.create_task(rooms.find(["a"]))
    await asyncio.sleep(0)
    await rooms.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
