"""When an agent is ready for its evaluator, and what is wrong with it. Who is in a room, look by look."""

from __future__ import annotations

from typing import Any

import pytest

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.trigger.judging import Errored
from cekura_agent_kit.trigger.rooms.presence import Presence
from cekura_agent_kit.trigger.rooms.readiness import agents_in, readiness, refuse
from cekura_agent_kit.trigger.rooms.room import EVALUATOR
from cekura_agent_kit.trigger.rooms.service import Participant
from cekura_agent_kit.trigger.timing import Clock, Timing
from cekura_agent_kit.verdict import Kind

PACE = Timing()
TEXT = {"cekura.kit": "1", "cekura.mode": "text"}
PROVEN = TEXT | {"cekura.proof": "text-only"}


def agent(state: Any = "active", identity: str = "agent-1", audio: int = 0, **attributes: str) -> Participant:
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return Participant(identity, state, True, named, 0.0, audio)


def with_attributes(attributes: dict[str, str], **more: Any) -> Participant:
    seen = agent(**more)
    return Participant(seen.identity, seen.state, True, attributes, 0.0, seen.audio_tracks)


def is_ready(
    *agents: Participant, mode: Mode = Mode.TEXT, switch: Any = "wrapper", active: float = 0.1, text: float = 0.1
) -> Any:
    return readiness(agents, mode=mode, switch=switch, active_for=active, text_for=text, patience=15, timing=PACE)


@pytest.mark.parametrize(
    ("agents", "how", "ready"),
    [
        ((), {}, False),
        ((agent("joined"),), {}, False),
        ((agent(),), {}, False),
        ((with_attributes(TEXT),), {}, False),
        ((with_attributes(PROVEN),), {}, True),
        ((with_attributes(TEXT),), {"text": 3.0}, True),
        ((agent(),), {"mode": Mode.VOICE}, False),
        ((agent(),), {"mode": Mode.VOICE, "active": 1.0}, True),
        ((agent(cekura__mode="voice"),), {"mode": Mode.VOICE}, True),
        ((agent(),), {"switch": "dispatch"}, False),
        ((agent(lk__agent__state="listening"),), {"switch": "dispatch"}, True),
        ((agent(),), {"switch": "dispatch", "active": 3.0}, True),
    ],
)
def test_ready(agents: tuple[Participant, ...], how: dict[str, Any], ready: bool) -> None:
    assert is_ready(*agents, **how).ready is ready


def test_an_agent_that_waits_for_its_caller_is_noted() -> None:
    assert "awaits its caller" in is_ready(with_attributes(TEXT), text=3.0).note


@pytest.mark.parametrize(
    ("agents", "how", "kind", "said"),
    [
        ((agent(), agent(identity="agent-2")), {}, Kind.AGENT_DUPLICATED, "2 agents came: agent-1, agent-2"),
        ((agent("joined", cekura__error="no database"),), {}, Kind.AGENT_REFUSED, "no database"),
        ((agent(cekura__mode="voice"),), {}, Kind.WRONG_MODE, "the agent is in voice, and this is a text run"),
        ((agent(cekura__mode="text"),), {"mode": Mode.VOICE}, Kind.WRONG_MODE, "the agent is in text"),
        ((agent(lk__agent__state="listening"),), {"active": 1.0}, Kind.WRONG_MODE, "cekura.mode is missing"),
        ((agent(),), {"active": 15.0}, Kind.WRONG_MODE, "cekura.mode is missing"),
        ((agent(audio=1),), {"switch": "dispatch"}, Kind.WRONG_MODE, "publishes audio"),
    ],
)
def test_refused(agents: tuple[Participant, ...], how: dict[str, Any], kind: Kind, said: str) -> None:
    with pytest.raises(Errored) as raised:
        is_ready(*agents, **how)

    assert raised.value.kind is kind
    assert said in str(raised.value)
    assert raised.value.hint


def test_an_avatar_is_no_second_agent() -> None:
    room = [
        agent(),
        with_attributes({"lk.publish_on_behalf": "agent-1"}, identity="avatar"),
        Participant("x", "active", False),
    ]

    assert [each.identity for each in agents_in(room)] == ["agent-1"]
    refuse(agents_in(room), mode=Mode.VOICE, switch="wrapper")


# Who is there, look by look


EVALUATOR_THERE = Participant(EVALUATOR, "active", False, joined_at=1000.4)


def looked(*looks: tuple[float, list[Participant] | None]) -> Presence:
    presence = Presence(PACE)
    for at, participants in looks:
        presence.update(participants, at, clock=Clock(started_at=1000))
    return presence


def test_the_evaluators_join_is_the_servers_own_time() -> None:
    assert looked((0.0, [agent()]), (0.6, [agent(), EVALUATOR_THERE])).evaluator_since == pytest.approx(0.4)


@pytest.mark.parametrize(("server", "ours"), [(1900.0, 0.6), (100.0, -1.0)])
def test_a_clock_that_differs_is_held_between_two_looks(server: float, ours: float) -> None:
    there = Participant(EVALUATOR, "active", False, joined_at=server)
    assert looked((0.0, [agent()]), (0.6, [agent(), there])).evaluator_since == ours


def test_an_evaluator_is_gone_after_three_seconds_and_a_reconnect_counts_as_there() -> None:
    there, gone = [agent(), EVALUATOR_THERE], [agent()]

    assert not looked((0, there), (1, gone)).evaluator_left(3.9)
    assert looked((0, there), (1, gone)).evaluator_left(4.0)
    assert not looked((0, there), (1, gone), (2, there)).evaluator_left(9.0)
    assert not looked((0, gone), (1, gone)).evaluator_left(99.0)


def test_after_livekit_did_not_answer_everybody_has_longer_to_come_back() -> None:
    there = [agent(), EVALUATOR_THERE]
    presence = looked((0, there), (1, None), (2, []))

    assert not presence.evaluator_left(15.0)
    assert presence.evaluator_left(2 + PACE.gone_after_outage)


def test_an_agent_that_is_gone_is_given_time_and_then_up() -> None:
    presence = looked((0, [agent(), EVALUATOR_THERE]), (1, [EVALUATOR_THERE]))

    assert not presence.agent_lost(1 + PACE.agent_gone - 0.1)
    assert presence.agent_lost(1 + PACE.agent_gone)
