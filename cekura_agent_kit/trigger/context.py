"""What the runs of one suite share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from .cekura.client import Cekura
from .cekura.poller import Poller
from .cekura.starter import Starter
from .judging import Errored
from .progress import Event
from .rooms.room import Room
from .rooms.service import LiveKit
from .settings import Settings
from .suite import Suite
from .timing import Clock, Timing
from .worker import Worker

CLEANUP: Final = 15.0
"""Seconds for which a room's deletion is tried again."""


@dataclass
class SuiteContext:
    """What the runs of one suite share."""

    suite: Suite
    suite_id: str
    settings: Settings
    timing: Timing
    livekit: LiveKit
    cekura: Cekura
    starter: Starter
    poller: Poller
    emit: Callable[[Event], None]
    clock: Clock
    slots: asyncio.Semaphore
    witnesses: int
    """How many more may watch."""
    agent_name: str = ""
    worker: Worker | None = None
    closed: Errored | None = None
    """Set once no further run may begin: why."""
    stopping: Errored | None = None
    """Set once the suite is being stopped: what its unfinished runs come to."""
    cleanup: float = CLEANUP
    rooms: dict[str, Room | None] = field(default_factory=dict)
    """Rooms that may stand: made or being made, and not known to be gone."""
    made: list[str] = field(default_factory=list)
    """All rooms of the suite."""
