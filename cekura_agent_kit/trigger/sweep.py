"""Rooms that a trigger left behind because it was killed, or lost LiveKit: deleted, and their runs on Cekura ended."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

from ..contract import ROOM_KEY, parse_object
from ..errors import CekuraError, KitError
from ..permit import verify_run
from .cekura.client import Cekura
from .rooms.budget import Budget
from .rooms.room_list import ListedRoom
from .rooms.service import LiveKit, retried
from .settings.settings import Settings
from .timing import Timing

_NAME: Final = re.compile(r"cekura-kit-[0-9a-f]{16}")
_WITHIN: Final = 10.0
"""Seconds for which one deletion is retried."""
_UNMARKED: Final = 24 * 3600.0
"""Seconds from its creation until a room without a mark is due. LiveKit makes a deleted room again, without metadata,
when somebody joins late; and a participant's token may allow to change the metadata."""


@dataclass(frozen=True, kw_only=True)
class KitRoom:
    """A room of the kit's, and what was done about it.

    Attributes:
        name: of the room.
        suite, suite_id: of the suite that made it; empty if the room has no mark.
        made: when LiveKit made it, Unix seconds.
        due: when it is certainly no longer in use, Unix seconds.
        run_id: Cekura's id of its run, if it is proven that the kit wrote it; else None.
        unproven: the mark names a run, without a valid proof.
        state: ``left``, ``deleted``, or ``failed``: it could not be deleted.
        error: why it could not be deleted; empty if it was not tried.
        run_error: why its run could not be ended; empty if it was, or was not tried.
    """

    name: str
    suite: str = ""
    suite_id: str = ""
    made: float = 0.0
    due: float = 0.0
    run_id: int | None = None
    unproven: bool = False
    state: Literal["left", "deleted", "failed"] = "left"
    error: str = ""
    run_error: str = ""


@dataclass(frozen=True)
class Swept:
    """Result of a sweep.

    Attributes:
        chosen: rooms that were to be deleted.
        others: all other rooms of the kit's: not due yet, or not asked for.
    """

    chosen: tuple[KitRoom, ...]
    others: tuple[KitRoom, ...] = ()

    @property
    def deleted(self) -> tuple[str, ...]:
        """Names of the rooms that were deleted."""
        return tuple(room.name for room in self.chosen if room.state == "deleted")

    @property
    def failures(self) -> int:
        """Number of rooms that could not be deleted, or whose run could not be ended."""
        return sum(bool(room.error or room.run_error) for room in self.chosen)


async def sweep(
    settings: Settings,
    *,
    suite_id: str | None = None,
    rooms: Collection[str] = (),
    dry_run: bool = False,
    clock: Callable[[], float] = time.time,
) -> Swept:
    """End the runs of rooms that are due, and delete the rooms; or those of one suite, or those that are named.

    A room is the kit's by its name. No other room is deleted, and no run is ended without the proof that the kit wrote
    its id.

    Args:
        settings: addresses and keys. Without a key of Cekura's, runs are not ended.
        suite_id: choose all rooms of this run of a suite, due or not.
        rooms: choose the rooms with these names, due or not.
        dry_run: end and delete nothing.
        clock: returns Unix seconds.

    Raises:
        LiveKitError: the rooms could not be listed.
        KitError: a name is not that of a room of the kit's.
    """
    if foreign := [name for name in rooms if not _NAME.fullmatch(name)]:
        raise KitError(
            f"{foreign[0]!r} is not a room of cekura-kit's, and is not deleted",
            hint="their names are `cekura-kit-` and 16 hexadecimal digits",
        )
    async with AsyncExitStack() as stack:
        livekit = await stack.enter_async_context(LiveKit(settings, Budget(Timing.of(settings).livekit_requests)))
        cekura = await stack.enter_async_context(Cekura(settings))
        found = [room for listed in await livekit.rooms() if (room := kit_room(listed, settings))]
        now = clock()

        def is_chosen(room: KitRoom) -> bool:
            if rooms or suite_id:
                return room.name in rooms or bool(suite_id and room.suite_id == suite_id)
            return room.due <= now

        chosen = [room for room in found if is_chosen(room)]
        others = [room for room in found if not is_chosen(room)]
        if not dry_run:
            chosen = await asyncio.gather(*(_removed(room, livekit, cekura, settings) for room in chosen))
    return Swept(tuple(chosen), tuple(others))


def kit_room(listed: ListedRoom, settings: Settings) -> KitRoom | None:
    """Return the room as one of the kit's; None for any other room."""
    if not _NAME.fullmatch(listed.name):
        return None
    metadata = parse_object(listed.metadata) or {}
    mark = metadata.get(ROOM_KEY)
    if mark == 1:  # as a kit of 0.1 writes it
        mark = metadata
    deadline = _seconds(mark.get("deadline")) if isinstance(mark, dict) else None
    if not isinstance(mark, dict) or deadline is None:
        return KitRoom(name=listed.name, made=listed.made_at, due=listed.made_at + _UNMARKED)
    run_id = mark.get("run_id")
    proven = verify_run(mark.get("proof"), room=listed.name, run_id=run_id, keys=settings.signing_keys)
    return KitRoom(
        name=listed.name,
        suite=str(mark.get("suite", "")),
        suite_id=str(mark.get("suite_id", "")),
        made=listed.made_at,
        due=deadline,
        run_id=run_id if proven else None,
        unproven=run_id is not None and not proven,
    )


async def _removed(room: KitRoom, livekit: LiveKit, cekura: Cekura, settings: Settings) -> KitRoom:
    """End the room's run, which costs money, and delete the room in any case. Return what came of it."""
    run_error = ""
    if room.run_id is not None:
        if settings.cekura_api_key.get_secret_value():
            try:
                await cekura.end_run(room.run_id)
            except CekuraError as error:
                run_error = str(error)
        else:
            run_error = "CEKURA_API_KEY is not set"
    failure = await retried(partial(livekit.delete_room, room.name), within=_WITHIN)
    if failure is not None:
        return replace(room, state="failed", error=str(failure), run_error=run_error)
    return replace(room, state="deleted", run_error=run_error)


def _seconds(value: object) -> float | None:
    """Return finite Unix seconds; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None
