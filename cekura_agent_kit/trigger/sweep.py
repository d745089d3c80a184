"""Deletion of rooms that a trigger left behind because it was killed, or lost LiveKit before it could delete them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from .rooms.budget import Budget
from .rooms.marks import ROOM_KEY
from .rooms.service import ListedRoom, LiveKit, retried
from .settings import Settings
from .timing import Timing

_NAME: Final = re.compile(r"cekura-kit-[0-9a-f]{16}")
_WITHIN: Final = 10.0
"""Seconds for which one deletion is retried."""


@dataclass(frozen=True)
class LeftRoom:
    """A room of the kit's. ``overdue``: seconds since its deadline; below 0 it may be in use."""

    name: str
    suite: str
    suite_id: str
    overdue: float


@dataclass(frozen=True)
class Swept:
    """Result of a sweep. ``failed``: room name and reason of each room that still exists."""

    found: tuple[LeftRoom, ...]
    deleted: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


async def sweep(
    settings: Settings,
    *,
    suite_id: str | None = None,
    dry_run: bool = False,
    clock: Callable[[], float] = time.time,
) -> Swept:
    """Delete the kit's rooms past their deadline, or all of one suite.

    A room is the kit's by its name and its metadata together; no other room is deleted.

    Args:
        settings: address and key of the LiveKit project.
        suite_id: delete all rooms of this run of a suite, whatever their deadline.
        dry_run: delete nothing.
        clock: returns Unix seconds.

    Raises:
        LiveKitError: the rooms could not be listed.
    """
    async with LiveKit(settings, Budget(Timing.of(settings).livekit_requests)) as livekit:
        ours = [room for listed in await livekit.rooms() if (room := left_room(listed, clock()))]
        found = tuple(room for room in ours if (room.suite_id == suite_id if suite_id else room.overdue > 0))
        if dry_run:
            return Swept(found)
        deletions = (retried(partial(livekit.delete_room, room.name), within=_WITHIN) for room in found)
        errors = await asyncio.gather(*deletions)
    results = list(zip(found, errors, strict=True))
    return Swept(
        found,
        deleted=tuple(room.name for room, error in results if error is None),
        failed=tuple((room.name, str(error)) for room, error in results if error is not None),
    )


def left_room(listed: ListedRoom, now: float) -> LeftRoom | None:
    """Return the room as one of the kit's; None for any other room."""
    if not _NAME.fullmatch(listed.name):
        return None
    try:
        metadata = json.loads(listed.metadata)
    except (ValueError, RecursionError):
        return None
    mark = metadata.get(ROOM_KEY) if isinstance(metadata, dict) else None
    if mark == 1:  # as a kit of 0.1 writes it
        mark = metadata
    if not isinstance(mark, dict):
        return None
    deadline = mark.get("deadline")
    if isinstance(deadline, bool) or not isinstance(deadline, int | float):
        return None
    return LeftRoom(
        name=listed.name,
        suite=str(mark.get("suite", "")),
        suite_id=str(mark.get("suite_id", "")),
        overdue=now - deadline,
    )
