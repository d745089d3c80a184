"""A conversation in a room, by lists of its participants and readings of its run."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.trigger.cekura.api_models import ApiRun
from cekura_agent_kit.trigger.cekura.poller import FollowedRun
from cekura_agent_kit.trigger.errored import Errored
from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.conversation import Conversation
from cekura_agent_kit.trigger.rooms.outages import Outages
from cekura_agent_kit.trigger.rooms.presence import EVALUATOR
from cekura_agent_kit.trigger.rooms.service import Participant
from cekura_agent_kit.trigger.timing import Clock, Timing
from cekura_agent_kit.verdict import Kind
from tests.trigger.virtual_time import run_in_virtual_time

TIMING = Timing(list_fast=0.25, list_slow=2.0)
AGENT = Participant("agent-1", "active", True, {"cekura.proof": "text-only"})
VOICE_AGENT = Participant("agent-1", "active", True, {"cekura.mode": "voice"})


def evaluator(joined_at: float, state: Any = "active") -> Participant:
    return Participant(EVALUATOR, state, False, joined_at=joined_at)


@dataclass
class ScriptedRoom:
    """Room whose participants change at given seconds."""

    changes: list[tuple[float, list[Participant] | None]]
    lists: list[tuple[float, bool]] = field(default_factory=list)
    announced: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    gone_at: float = float("inf")
    outages: Outages = field(default_factory=Outages)
    budget: Budget = field(default_factory=lambda: Budget(15))

    async def participants(self, *, urgent: bool = False) -> list[Participant] | None:
        now = asyncio.get_running_loop().time()
        self.lists.append((now, urgent))
        return [participants for at, participants in self.changes if at <= now][-1]

    async def exists(self) -> bool:
        return asyncio.get_running_loop().time() < self.gone_at

    async def tell_end(self, agent: str) -> None:
        self.told.append(agent)

    async def announce(self) -> None:
        self.announced.append(asyncio.get_running_loop().time())


@dataclass
class Watched:
    conversation: Conversation
    room: ScriptedRoom
    joined: list[float]
    gone: list[float]
    took: float


def watch(
    *changes: tuple[float, list[Participant] | None],
    meanwhile: Callable[[Conversation], Awaitable[None]] | None = None,
    within: float = 600.0,
    gone_at: float = float("inf"),
    others: int = 0,
) -> Watched:
    """Watch a room, beside others with the same budget."""

    async def main() -> Watched:
        room = ScriptedRoom(list(changes), gone_at=gone_at)
        joined: list[float] = []
        gone: list[float] = []
        clock = asyncio.get_running_loop().time
        conversation = Conversation(
            room,  # type: ignore[arg-type]
            mode=Mode.TEXT,
            switch="wrapper",
            timing=TIMING,
            clock=Clock(started_at=0.0, elapsed=clock),
            on_evaluator=joined.append,
            on_evaluator_gone=lambda: gone.append(clock()),
        )
        other = asyncio.ensure_future(meanwhile(conversation)) if meanwhile else None
        try:
            with ExitStack() as stack:
                for _ in range(others):
                    stack.enter_context(room.budget.regular())
                async with asyncio.timeout(within):
                    await conversation.watch()
        finally:
            if other:
                other.cancel()
        return Watched(conversation, room, joined, gone, clock())

    return run_in_virtual_time(main())


def test_the_evaluator_is_announced_at_the_first_list_that_shows_it_active() -> None:
    watched = watch(
        (0, [AGENT]), (1.1, [AGENT, evaluator(1.1, "joined")]), (1.4, [AGENT, evaluator(1.1)]), (9, [AGENT])
    )

    assert watched.joined == [1.1]
    assert len(watched.room.announced) == 1
    assert 1.4 <= watched.room.announced[0] <= 1.4 + TIMING.list_fast / 2
    assert watched.conversation.proven


def test_a_room_that_another_node_made_again_is_a_breakdown_of_the_server() -> None:
    again = [replace(AGENT, id="PA_3"), replace(evaluator(6.0), id="PA_4")]
    watched = watch((0, [AGENT]), (1, [AGENT, evaluator(1.0)]), (6, again), (10, [again[0]]))

    assert watched.room.outages.is_breakdown
    assert not watch((0, [AGENT]), (1, [AGENT, evaluator(1.0)]), (10, [AGENT])).room.outages.is_breakdown


def test_it_is_over_when_the_evaluator_has_left_for_three_seconds() -> None:
    watched = watch((0, [AGENT]), (1, [AGENT, evaluator(1.0)]), (10, [AGENT]))

    assert watched.conversation.ended is not None
    assert 10 <= watched.conversation.ended <= 12
    assert 13 <= watched.took <= 16
    assert not watched.conversation.agent_left


def test_cekura_is_read_as_soon_as_the_evaluator_is_not_listed_any_more() -> None:
    """Its run may be over by then, and the agent is told of the end only once Cekura says so."""
    here, away = [AGENT, evaluator(1.0)], [AGENT]
    watched = watch((0, away), (1, here), (10, away), (12, here), (20, away))

    first, second = watched.gone
    assert 10 <= first <= 10 + TIMING.list_slow
    assert 20 <= second <= 20 + TIMING.list_slow


@pytest.mark.parametrize("steps", range(6))
def test_the_watch_ends_when_it_is_cancelled_even_just_when_something_has_changed(steps: int) -> None:
    """`asyncio.wait_for` of Python 3.11 loses a cancellation that comes just then, and the suite never ends."""

    async def main() -> None:
        room = ScriptedRoom([(0.0, [AGENT])])
        conversation = Conversation(
            room,  # type: ignore[arg-type]
            mode=Mode.TEXT,
            switch="wrapper",
            timing=TIMING,
            clock=Clock(started_at=0.0, elapsed=asyncio.get_running_loop().time),
            on_evaluator=lambda _: None,
        )
        watching = asyncio.create_task(conversation.watch())
        await asyncio.sleep(0.1)
        conversation.changed.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        watching.cancel()
        done, _ = await asyncio.wait([watching], timeout=60)
        assert done

    run_in_virtual_time(main())


@pytest.mark.parametrize(("gone_at", "lost"), [(10, True), (12.1, False)])
def test_a_room_is_lost_that_is_gone_while_the_evaluator_is_in_it(gone_at: float, lost: bool) -> None:
    """An agent may delete it once the evaluator has left."""
    watched = watch((0, [AGENT]), (1, [AGENT, evaluator(1.0)]), (10, []), gone_at=gone_at)

    assert watched.conversation.room_lost is lost


SIGNED_AGENT = Participant("agent-1", "active", True, {"cekura.signed": "true"})


@pytest.mark.parametrize(("leaves", "took", "stayed"), [(11.0, 13.0, False), (16.2, 16.2, False), (99.0, 20.0, True)])
def test_an_agent_that_ends_its_own_job_is_waited_for(leaves: float, took: float, stayed: bool) -> None:
    """Its `on_session_end` may make checks; the room is deleted 10 s after the evaluator's leave at the latest."""
    watched = watch((0, [SIGNED_AGENT]), (1, [SIGNED_AGENT, evaluator(1.0)]), (10, [SIGNED_AGENT]), (leaves, []))

    assert took <= watched.took <= took + 2.5
    told = "the agent's job had not ended 10 s after the evaluator had left: "
    told += "later checks of its own are not in this report"
    assert watched.conversation.notes == [told] * stayed
    # Once, and only one that is still there.
    assert watched.room.told == ["agent-1"] * (leaves > 13)
    assert watched.conversation.ended is not None
    assert 10 <= watched.conversation.ended <= 12
    assert not watched.conversation.agent_left


@pytest.mark.parametrize(("leaves", "took"), [(5.4, 5.8), (99.0, 8.0)])
def test_an_evaluator_that_is_listed_after_the_verdict_is_waited_for_briefly(leaves: float, took: float) -> None:
    """It leaves just then, and the agent ends its job after it."""

    async def end(conversation: Conversation) -> None:
        await asyncio.sleep(5.0)
        conversation.reading = FollowedRun(1, lambda: None)
        conversation.reading.latest = ApiRun(1, "completed", True)
        conversation.changed.set()

    both = [SIGNED_AGENT, evaluator(1.0)]
    watched = watch((0, [SIGNED_AGENT]), (1, both), (leaves, [SIGNED_AGENT]), (leaves + 0.3, []), meanwhile=end)

    assert took <= watched.took <= took + 1.0
    assert not watched.conversation.agent_left


def test_an_agent_whose_process_died_is_not_waited_for() -> None:
    """LiveKit lists it for 20 s more."""

    async def die(conversation: Conversation) -> None:
        await asyncio.sleep(10.5)
        conversation.agent_died = lambda: True

    watched = watch((0, [SIGNED_AGENT]), (1, [SIGNED_AGENT, evaluator(1.0)]), (10, [SIGNED_AGENT]), meanwhile=die)

    assert 13 <= watched.took <= 16
    assert not watched.conversation.agent_lost


def test_the_first_check_that_failed_is_read_from_the_agents_attributes() -> None:
    failed = Participant("agent-1", "active", True, {"cekura.failed": "one booking (2)"})
    watched = watch((0, [AGENT]), (1, [AGENT, evaluator(1.0)]), (5, [failed, evaluator(1.0)]), (8, [failed]), (10, []))

    assert watched.conversation.failed_check == "one booking (2)"


def test_it_is_over_when_the_agent_has_left_for_good() -> None:
    watched = watch((0, [AGENT]), (1, [AGENT, evaluator(1.0)]), (10, [evaluator(1.0)]))

    assert watched.conversation.agent_left
    assert watched.conversation.agent_lost
    assert 25 <= watched.took <= 28


@pytest.mark.parametrize(("status", "over"), [("completed", True), ("failed", True), ("evaluating", False)])
def test_it_is_over_when_cekura_reports_the_end(status: str, over: bool) -> None:
    """With the evaluator still in the room, scoring alone is not the end."""

    async def report(conversation: Conversation) -> None:
        await asyncio.sleep(5)
        conversation.reading = FollowedRun(7, conversation.changed.set)
        conversation.reading.update(ApiRun(7, status), no_verdict=120)

    lists = ((0.0, [AGENT]), (1.0, [AGENT, evaluator(1.0)]))
    if over:
        assert 5 <= watch(*lists, meanwhile=report).took < 6
    else:
        with pytest.raises(TimeoutError):
            watch(*lists, meanwhile=report, within=60)


def test_a_run_in_scoring_is_over_if_its_evaluator_never_joined() -> None:
    async def report(conversation: Conversation) -> None:
        await asyncio.sleep(5)
        conversation.reading = FollowedRun(7, conversation.changed.set)
        conversation.reading.update(ApiRun(7, "evaluating"), no_verdict=120)

    assert 5 <= watch((0, [AGENT]), meanwhile=report).took < 6


def test_lists_are_fast_and_urgent_until_the_evaluator_joins_and_then_slow() -> None:
    watched = watch((0, [AGENT]), (2, [AGENT, evaluator(2.0)]), (20, [AGENT]))
    before = [urgent for at, urgent in watched.room.lists if at <= 2]
    between = [b[0] - a[0] for a, b in itertools.pairwise(watched.room.lists) if a[0] > 2.5 and b[0] <= 21]

    assert all(before)
    # The first is 0.25 s after the start.
    assert len(before) == 8
    assert {round(each, 2) for each in between} == {2.0}


@pytest.mark.parametrize(("others", "interval"), [(6, 2.0), (29, 4.0), (500, 10.0)])
def test_where_many_rooms_are_watched_each_is_listed_less_often(others: int, interval: float) -> None:
    """Cekura reports the end by a read that all runs share; a leave that is seen is followed at once."""
    watched = watch((0, [AGENT]), (2, [AGENT, evaluator(2.0)]), (40, [AGENT]), others=others)
    lists = [at for at, _ in watched.room.lists]
    during = [b - a for a, b in itertools.pairwise(lists) if a > 2.5 and b < 40]

    assert {round(each, 2) for each in during} == {interval}
    seen = next(at for at in lists if at >= 40)
    assert seen - 40 <= interval
    assert watched.took - seen <= 3.5


def test_a_status_is_followed_by_a_list_only_if_it_ends_the_conversation() -> None:
    reported: list[float] = []

    async def report(conversation: Conversation) -> None:
        conversation.reading = FollowedRun(7, conversation.status_read)
        for status in ("running", "completed"):
            await asyncio.sleep(3.3)
            reported.append(asyncio.get_running_loop().time())
            conversation.reading.update(ApiRun(7, status), no_verdict=120)

    watched = watch((0.0, [AGENT]), (1.0, [AGENT, evaluator(1.0)]), meanwhile=report)
    listed = [any(0 <= at - since <= 2 * TIMING.list_fast for at, _ in watched.room.lists) for since in reported]

    assert listed == [False, True]


def test_a_queued_evaluator_is_polled_for_once_a_second() -> None:
    watched = watch((0, [AGENT]), (100, [AGENT, evaluator(100.0)]), (110, [AGENT]))
    queued = [(at, urgent) for at, urgent in watched.room.lists if 31 < at < 100]

    assert {round(b[0] - a[0], 2) for a, b in itertools.pairwise(queued)} == {1.0}
    assert not any(urgent for _, urgent in queued)


def test_an_outage_of_livekit_is_no_leave() -> None:
    there = [AGENT, evaluator(1.0)]
    watched = watch((0, [AGENT]), (1, there), (10, None), (14, []), (20, there), (100, [AGENT]))

    assert watched.took > 100
    assert not watched.conversation.agent_lost


def test_an_agent_in_another_mode_ends_it() -> None:
    with pytest.raises(Errored, match="the agent is in voice mode") as raised:
        watch((0, [AGENT]), (3, [VOICE_AGENT, evaluator(1.0)]))

    assert raised.value.kind is Kind.WRONG_MODE
