"""Context that the runs of one suite share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .cekura.client import Cekura
from .cekura.poller import Poller
from .cekura.starter import Starter
from .plan.suite import Suite
from .progress import Event
from .rooms.room import Room
from .rooms.service import LiveKit
from .settings.settings import Settings
from .slots import Slots
from .stop import Breaker, Stop
from .timing import Clock, Timing
from .worker.worker import Worker


class RoomRegister:
    """The suite's rooms: all that were created, and those that may still exist."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self._standing: dict[str, Room | None] = {}

    def add(self, room: Room) -> None:
        """Enter a room before it is created: if the answer is lost, it may exist all the same."""
        self.created.append(room.name)
        self._standing[room.name] = room

    def remove(self, name: str) -> None:
        """Strike out a room that is known to be gone."""
        self._standing.pop(name, None)

    def reappeared(self, name: str) -> None:
        """Enter a room that was created again by a late join and could not be deleted."""
        self._standing[name] = None

    @property
    def rooms(self) -> list[Room]:
        """Rooms that may still exist and were not created by a late join."""
        return [room for room in self._standing.values() if room]

    @property
    def left(self) -> list[str]:
        """Names of all rooms that may still exist."""
        return list(self._standing)


class SandboxGap(Protocol):
    """A request of the agent to its models that the sandbox could not serve. `str` of it names the service."""

    @property
    def at(self) -> float:
        """`time.monotonic()` of the sandbox's answer."""
        ...


@dataclass(frozen=True, kw_only=True)
class SuiteContext:
    """Context that the runs of one suite share. Its parts have state of their own, each with one writer.

    Attributes:
        seed: of the suite; `suite_values.seed_of` derives one for each case.
        agent_name: the name that is dispatched.
        worker: the suite's own worker; None if the suite names none.
        slots: one for each run that may have a room at a time.
        witnesses: one for each witness that may be in a room at a time.
        sandbox_gaps: returns all gaps of the sandbox so far, oldest first; always empty for hosted services.
    """

    suite: Suite
    suite_id: str
    seed: int
    settings: Settings
    timing: Timing
    clock: Clock
    livekit: LiveKit
    cekura: Cekura
    starter: Starter
    poller: Poller
    stop: Stop
    breaker: Breaker
    emit: Callable[[Event], None]
    agent_name: str
    worker: Worker | None
    slots: Slots
    witnesses: asyncio.Semaphore
    sandbox_gaps: Callable[[], Sequence[SandboxGap]]
    rooms: RoomRegister = field(default_factory=RoomRegister)
