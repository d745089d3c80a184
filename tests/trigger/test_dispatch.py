"""The wait for a worker that accepts a job, and for its agent: told when it is long, and bounded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from cekura_agent_kit.trigger import machine
from cekura_agent_kit.trigger.errored import Errored
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.rooms.room import BUSY_FACTOR, Room
from cekura_agent_kit.trigger.rooms.service import Participant
from cekura_agent_kit.trigger.timing import Timing
from tests.trigger.virtual_time import run_in_virtual_time

LIMIT = 25.0
READY = Participant("agent-1", "active", True, {"cekura.mode": "text", "cekura.proof": "text-only"})


@dataclass
class BusyLiveKit:
    """LiveKit whose worker accepts no job before a given second, and then takes a while to start the agent."""

    accepts_at: float = float("inf")
    starts_in: float = 0.0
    dispatched_at: list[float] = field(default_factory=list)

    async def dispatch(self, *_: object, **__: object) -> str:
        self.dispatched_at.append(asyncio.get_running_loop().time())
        return f"dispatch-{len(self.dispatched_at)}"

    async def delete_dispatch(self, *_: object) -> None: ...

    async def participants(self, *_: object, **__: object) -> list[Participant]:
        started = asyncio.get_running_loop().time() >= self.dispatched_at[-1] + self.starts_in
        return [READY] if self.dispatched_at[-1] >= self.accepts_at and started else []

    async def jobs(self, *_: object) -> int:
        return int(self.dispatched_at[-1] >= self.accepts_at)


def dispatch(livekit: BusyLiveKit, *, ours: bool) -> tuple[str, float, list[str]]:
    """Dispatch; return what was raised, the seconds it took, and what was told."""

    async def run() -> tuple[str, float, list[str]]:
        loop, told = asyncio.get_running_loop(), list[str]()
        suite = Suite.model_validate(
            {"agent_name": "a", "agent_timeout": LIMIT, "mode": "text", "runs": [{"scenario": 1}]}
        )
        room = Room(livekit, Timing(), suite.plan()[0], suite, loop.time)  # type: ignore[arg-type]
        raised: Any = ""
        try:
            await room.dispatch_agent("a", "{}", ours=ours, on_wait=told.append)
        except Errored as error:
            raised = error
        return str(raised), loop.time(), told

    return run_in_virtual_time(run())


@pytest.mark.parametrize(("ours", "factor"), [(True, BUSY_FACTOR), (False, 1)])
def test_the_wait_for_a_job_is_bounded_by_a_factor(ours: bool, factor: int) -> None:
    raised, took, _ = dispatch(BusyLiveKit(), ours=ours)
    assert "job" in raised
    # A dispatch that began within the time is waited for to its end.
    assert factor * LIMIT <= took < factor * LIMIT + Timing().no_job + 1
    assert f"in {took:.0f} s" in raised


def test_a_wait_beyond_the_timeout_is_told_while_it_goes_on() -> None:
    raised, took, told = dispatch(BusyLiveKit(accepts_at=2 * LIMIT), ours=True)
    assert raised == ""
    assert 2 * LIMIT <= took < BUSY_FACTOR * LIMIT
    (note,) = told
    assert "longer than `agent_timeout`" in note
    assert f"may take {BUSY_FACTOR * LIMIT:g} s" in note


def test_nothing_is_told_of_a_worker_that_accepts_in_time() -> None:
    assert dispatch(BusyLiveKit(accepts_at=LIMIT / 2), ours=True)[2] == []


@pytest.mark.parametrize(
    ("ours", "busy", "factor"), [(True, True, BUSY_FACTOR), (True, False, 1), (False, True, 1), (False, False, 1)]
)
def test_an_agent_of_the_suites_worker_starts_late_on_a_busy_machine(
    monkeypatch: pytest.MonkeyPatch, ours: bool, busy: bool, factor: int
) -> None:
    monkeypatch.setattr(machine, "is_busy", lambda: busy)
    limit = factor * LIMIT
    assert dispatch(BusyLiveKit(accepts_at=0, starts_in=limit - 2), ours=ours)[0] == ""
    raised, took, _ = dispatch(BusyLiveKit(accepts_at=0, starts_in=limit + 5), ours=ours)
    assert raised.startswith(f"a worker accepted the job, and no agent joined the room within {limit:.0f} s")
    assert limit <= took < limit + 3
