"""Breakdowns under a conversation, by what the trigger saw: which of them error a fail, and which are noted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cekura_agent_kit.errors import LiveKitUnreachable, WorkerError
from cekura_agent_kit.trigger.case.breakdowns import breakdowns
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.rooms.outages import SLOW, Outages
from cekura_agent_kit.trigger.rooms.room import Room
from cekura_agent_kit.trigger.rooms.room_list import ListedRoom
from cekura_agent_kit.trigger.timing import Timing
from cekura_agent_kit.verdict import Kind


class Died:
    """Event of a worker that died, or not."""

    def __init__(self, died: bool) -> None:
        self.is_set = lambda: died


@dataclass
class Worker:
    ending: str = ""
    died: Died = field(default_factory=lambda: Died(True))
    log_path: Path = Path("worker.log")

    def tail(self) -> str:
        return "the end of its log"

    def failure(self) -> WorkerError:
        return WorkerError("the worker sets OPENAI_BASE_URL", hint="do not")


@dataclass
class Witness:
    receives_events: bool = True
    agent_deleted_room: bool = False
    lost: int = 0


def outages(*unanswered: tuple[float, bool], answered: float | None = None) -> Outages:
    found = Outages()
    for at, refused in unanswered:
        found.unanswered(at, refused=refused)
    if answered is not None:
        found.answered(answered)
    return found


def found(**seen: object) -> tuple[list[tuple[Kind, str]], list[str]]:
    usual = {"worker": None, "outages": Outages(), "room_lost": False, "witness": Witness(), "gap": ""}
    broken, notes = breakdowns(**(usual | seen))  # type: ignore[arg-type]
    return [(error.kind, str(error)) for error in broken], notes


def test_a_restart_between_two_requests_of_a_room_is_known_from_other_rooms() -> None:
    outages = Outages(2)
    outages.count_refusals(2)
    assert not outages.is_breakdown
    outages.count_refusals(3)
    assert "down or restarted" in outages.description


@pytest.mark.parametrize(("listed", "broken"), [("RM_new", True), ("RM_1", False)])
async def test_a_restart_in_which_no_connection_was_refused_is_known_by_the_rooms_id(listed: str, broken: bool) -> None:
    """Those who come back to a restarted server make the room again, before it is listed the next time."""

    class LiveKit:
        answers = False

        async def create_room(self, *_: object, **__: object) -> str:
            return "RM_1"

        async def participants(self, *_: object, **__: object) -> list[object]:
            if not self.answers:
                raise LiveKitUnreachable("the server closed the connection")
            return []

        async def rooms(self, *_: object) -> list[ListedRoom]:
            return [ListedRoom("room", "", 0.0, listed)]

    livekit = LiveKit()
    suite = Suite.model_validate({"agent_name": "a", "mode": "text", "runs": [{"scenario": 1}]})
    room = Room(livekit, Timing(), suite.plan()[0], suite, time.monotonic)  # type: ignore[arg-type]
    await room.create("suite")
    assert await room.participants() is None
    livekit.answers = True
    assert await room.participants() == []
    assert room.outages.is_breakdown is broken


def test_where_nothing_broke_nothing_is_noted() -> None:
    assert found(worker=Worker(died=Died(False))) == ([], [])


def test_a_worker_that_died_is_named_with_its_signal_and_its_log() -> None:
    broken, notes = found(worker=Worker("ended with SIGKILL"))
    assert broken == [(Kind.WORKER_FAILED, "the suite's worker ended with SIGKILL during the conversation")]
    assert notes == ["the worker's log ends:\nthe end of its log"]


def test_a_worker_that_lives_and_cannot_be_used_is_named_by_its_fault() -> None:
    assert found(worker=Worker())[0] == [(Kind.WORKER_FAILED, "the worker sets OPENAI_BASE_URL")]


@pytest.mark.parametrize(
    ("seen", "broken", "said"),
    [
        (outages((1, True), answered=2), True, "down or restarted"),
        (outages((1, False), (9, False), answered=1 + SLOW), True, f"did not answer for {SLOW:.0f} s"),
        (outages((1, False), answered=SLOW), False, f"did not answer for {SLOW - 1:.0f} s"),
        (outages((1, False), answered=5), False, "did not answer for 4 s"),
    ],
    ids=["refused", "slow for long", "slow for less", "slow for a moment"],
)
def test_a_server_that_was_down_or_slow_for_long_broke_and_one_that_was_slow_is_noted(
    seen: Outages, broken: bool, said: str
) -> None:
    errors, notes = found(outages=seen)
    if broken:
        assert notes == []
        assert errors[0][0] is Kind.LIVEKIT_UNREACHABLE
        assert said in errors[0][1]
    else:
        assert errors == []
        assert said in notes[0]


@pytest.mark.parametrize(
    ("witness", "broken", "notes"),
    [
        (Witness(), True, []),
        (Witness(agent_deleted_room=True), False, []),
        (
            Witness(receives_events=False),
            False,
            ["the room was deleted during the conversation; it is not known by whom"],
        ),
        (None, False, ["the room was deleted during the conversation; it is not known by whom"]),
    ],
    ids=["by neither", "by the agent", "an agent that sends no events", "no witness"],
)
def test_a_room_that_was_deleted_broke_unless_the_agent_may_have_hung_up(
    witness: Witness | None, broken: bool, notes: list[str]
) -> None:
    errors, noted = found(room_lost=True, witness=witness)
    assert [kind for kind, _ in errors] == ([Kind.LIVEKIT_UNREACHABLE] if broken else [])
    assert noted == notes


def test_a_server_that_was_restarted_is_the_cause_of_a_room_that_is_gone() -> None:
    errors, notes = found(room_lost=True, outages=outages((1, True), answered=2))
    assert [said for _, said in errors] == ["the LiveKit server was down or restarted during the conversation"]
    assert notes == []


def test_the_deepest_cause_comes_first_and_all_are_told() -> None:
    errors, notes = found(
        worker=Worker("ended with SIGKILL"), outages=outages((1, True)), gap="no stand-in", witness=Witness(lost=2)
    )
    assert [kind for kind, _ in errors] == [Kind.WORKER_FAILED, Kind.LIVEKIT_UNREACHABLE, Kind.SANDBOX_FAILED]
    assert "the witness lost its connection to LiveKit 2 times" in notes


@pytest.mark.parametrize(
    ("joined_again", "lost", "broken"), [(0, 2, False), (1, 0, False), (1, 1, True), (2, 0, True), (0, 0, False)]
)
def test_two_parties_that_lose_their_connections_lost_the_server(joined_again: int, lost: int, broken: bool) -> None:
    """A node of a cluster died: another one makes the room again under its old id, and refuses nobody."""
    seen = Outages()
    seen.joined_again = joined_again
    errors, _ = found(outages=seen, witness=Witness(lost=lost))
    assert [kind for kind, _ in errors] == ([Kind.LIVEKIT_UNREACHABLE] if broken else [])
