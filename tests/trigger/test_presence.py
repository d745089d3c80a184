"""Presence of evaluator and agent in a room, list by list."""

from __future__ import annotations

import pytest

from cekura_agent_kit.trigger.rooms.presence import EVALUATOR, Presence
from cekura_agent_kit.trigger.rooms.service import Participant
from cekura_agent_kit.trigger.timing import Clock, Timing

TIMING = Timing()
AGENT = Participant("agent-1", "active", True)
EVALUATOR_THERE = Participant(EVALUATOR, "active", False, joined_at=1000.4)


def presence(*lists: tuple[float, list[Participant] | None]) -> Presence:
    """Return the presence after lists, each received so many seconds after a suite's start at Unix time 1000."""
    made = Presence(TIMING, Clock(started_at=1000))
    for at, participants in lists:
        made.update(participants, at)
    return made


def test_the_evaluators_join_is_the_servers_own_time() -> None:
    assert presence((0.0, [AGENT]), (0.6, [AGENT, EVALUATOR_THERE])).evaluator_since == pytest.approx(0.4)


@pytest.mark.parametrize(("server", "ours"), [(1900.0, 0.6), (100.0, -1.0)])
def test_a_join_time_by_a_clock_that_differs_is_between_two_lists(server: float, ours: float) -> None:
    there = Participant(EVALUATOR, "active", False, joined_at=server)

    assert presence((0.0, [AGENT]), (0.6, [AGENT, there])).evaluator_since == ours


def test_an_evaluator_has_joined_once_it_is_active() -> None:
    joining = Participant(EVALUATOR, "joined", False, joined_at=1000.1)

    assert presence((0.2, [AGENT, joining])).evaluator_since is None
    assert presence((0.2, [AGENT, joining]), (0.3, [AGENT])).evaluator_gone is None


def test_an_evaluator_has_left_after_three_seconds_unless_it_reconnects() -> None:
    there, gone = [AGENT, EVALUATOR_THERE], [AGENT]

    assert not presence((0, there), (1, gone)).evaluator_left(3.9)
    assert presence((0, there), (1, gone)).evaluator_left(4.0)
    assert not presence((0, there), (1, gone), (2, there)).evaluator_left(9.0)
    assert not presence((0, gone), (1, gone)).evaluator_left(99.0)


def test_after_livekit_did_not_answer_everybody_has_longer_to_reconnect() -> None:
    made = presence((0, [AGENT, EVALUATOR_THERE]), (1, None), (2, []))

    assert not made.evaluator_left(15.0)
    assert made.evaluator_left(2 + TIMING.gone_after_outage)


def test_an_agent_that_does_not_reconnect_in_time_is_lost() -> None:
    made = presence((0, [AGENT, EVALUATOR_THERE]), (1, [EVALUATOR_THERE]))

    assert not made.agent_lost(1 + TIMING.agent_gone - 0.1)
    assert made.agent_lost(1 + TIMING.agent_gone)


@pytest.mark.parametrize(
    ("second", "third", "first"),
    [
        ([EVALUATOR_THERE], [], True),
        ([AGENT], [], False),
        ([], [], False),
        ([AGENT], [AGENT], False),
        ([EVALUATOR_THERE], [EVALUATOR_THERE], True),
    ],
)
def test_the_agent_left_first_if_a_list_shows_it(
    second: list[Participant], third: list[Participant], first: bool
) -> None:
    assert presence((0, [AGENT, EVALUATOR_THERE]), (1, second), (2, third)).agent_left_first is first


def joins(agent: str, evaluator: str) -> list[Participant]:
    """Return a list with both, by the ids of their joins."""
    return [Participant("agent-1", "active", True, id=agent), Participant(EVALUATOR, "active", False, id=evaluator)]


@pytest.mark.parametrize(
    ("lists", "again"),
    [
        ([joins("PA_1", "PA_2"), joins("PA_3", "PA_4")], 2),
        ([joins("PA_1", "PA_2"), [], joins("PA_3", "PA_2"), joins("PA_3", "PA_4")], 2),
        ([joins("PA_1", "PA_2"), [], joins("PA_1", "PA_2")], 0),
        ([joins("PA_1", "PA_2"), joins("PA_3", "PA_2")], 1),
        ([joins("PA_1", "PA_2"), joins("PA_1", "PA_4")], 1),
    ],
    ids=["at once", "one after the other", "both resumed", "the agent alone", "the evaluator alone"],
)
def test_who_had_to_join_again_is_known_by_the_ids_of_joins(lists: list[list[Participant]], again: int) -> None:
    assert presence(*enumerate(lists)).joined_again == again
