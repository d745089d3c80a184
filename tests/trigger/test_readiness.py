"""Readiness of an agent for its evaluator, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.trigger.errored import Errored
from cekura_agent_kit.trigger.rooms.readiness import agents_in, readiness, refuse
from cekura_agent_kit.trigger.rooms.service import Participant
from cekura_agent_kit.trigger.timing import Timing
from cekura_agent_kit.verdict import Kind

TIMING = Timing()
TEXT = {"cekura.kit": "1", "cekura.mode": "text"}
SIGNED = {"cekura.signed": "true", "cekura.tests": "any"}
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
    return readiness(agents, mode=mode, switch=switch, active_for=active, text_for=text, patience=15, timing=TIMING)


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
    found = is_ready(with_attributes(TEXT | SIGNED), text=3.0)
    assert len(found.notes) == 1
    assert "had not started its session" in found.notes[0]


def test_an_agent_that_verified_the_signature_is_signed_and_needs_no_note() -> None:
    for mode, attributes in ((Mode.TEXT, PROVEN), (Mode.VOICE, {"cekura.kit": "1", "cekura.mode": "voice"})):
        found = is_ready(with_attributes(attributes | SIGNED), mode=mode)
        assert (found.ready, found.signed, found.notes) == (True, True, ())


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"cekura.kit": "0.1.0"}, "the agent has cekura-agent-kit 0.1.0, which verifies no signature"),
        (
            {"cekura.kit": "1", "cekura.signed": "its permit has expired"},
            "signature: its permit has expired (give",
        ),
    ],
    ids=["a kit of 0.1", "another secret"],
)
def test_an_agent_that_does_not_know_of_the_signature_is_named(attributes: dict[str, str], says: str) -> None:
    found = is_ready(with_attributes(PROVEN | attributes))
    assert (found.ready, found.signed) == (True, False)
    assert says in found.notes[0]


def with_tools(*agents: Participant, mode: Mode = Mode.TEXT, active: float = 0.1) -> Any:
    return readiness(
        agents,
        mode=mode,
        switch="wrapper",
        active_for=active,
        text_for=0.1,
        patience=15,
        timing=TIMING,
        needs_signature=True,
    )


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"cekura.kit": "0.1.0"}, "the suite replaces tools, and the agent has cekura-agent-kit 0.1.0"),
        ({"cekura.kit": "1", "cekura.signed": "its permit has expired"}, "its permit has expired"),
        ({"cekura.kit": "1", "cekura.error": "the test replaces tools, and it is not signed"}, "it is not signed"),
        ({}, "the suite replaces tools, and the agent shows nothing of cekura-agent-kit"),
    ],
)
def test_a_run_with_tools_is_not_started_unsigned(attributes: dict[str, str], says: str, mode: Mode) -> None:
    given = attributes | ({"cekura.mode": mode} if attributes else {})
    if not attributes:  # it may still show its attributes
        assert not with_tools(agent(), mode=mode, active=14).ready
    with pytest.raises(Errored, match=says) as raised:
        with_tools(with_attributes(given), mode=mode, active=15)
    assert raised.value.kind is Kind.NOT_SIGNED
    assert "CEKURA_KIT_SECRET" in raised.value.hint or "install cekura-agent-kit" in raised.value.hint


def test_a_signed_run_with_tools_is_ready() -> None:
    assert with_tools(with_attributes(PROVEN | SIGNED)).ready


def test_an_agent_that_shows_nothing_is_not_known_to_be_signed() -> None:
    found = is_ready(agent(), mode=Mode.VOICE, active=1.0)
    assert (found.ready, found.signed, found.notes) == (True, None, ())


@pytest.mark.parametrize(
    ("agents", "how", "kind", "said", "hint"),
    [
        (
            (agent(), agent(identity="agent-2")),
            {},
            Kind.AGENT_DUPLICATED,
            "2 agents joined: agent-1, agent-2",
            "dispatch by name only",
        ),
        ((agent("joined", cekura__error="no database"),), {}, Kind.AGENT_REFUSED, "no database", "the agent's log"),
        (
            (agent(cekura__mode="voice"),),
            {},
            Kind.WRONG_MODE,
            "the agent is in voice mode, and this is a text run",
            "nothing else sets `text_mode`",
        ),
        (
            (agent(cekura__mode="text"),),
            {"mode": Mode.VOICE},
            Kind.WRONG_MODE,
            "the agent is in text mode",
            "nothing else sets `text_mode`",
        ),
        (
            (agent(lk__agent__state="listening"),),
            {"active": 1.0},
            Kind.WRONG_MODE,
            "cekura.mode is missing",
            "wrap its entrypoint with wrap_entrypoint, or",
        ),
        (
            (agent(),),
            {"active": 15.0},
            Kind.WRONG_MODE,
            "cekura.mode is missing",
            "wrap_entrypoint and restart its worker",
        ),
        (
            (agent(cekura__kit="0.1"),),
            {"active": 15.0},
            Kind.WRONG_MODE,
            "cekura.mode is missing",
            "the same version of cekura-agent-kit",
        ),
        (
            (agent(audio=1),),
            {"switch": "dispatch"},
            Kind.WRONG_MODE,
            "publishes audio",
            "livekit-agents 1.6.6 or later",
        ),
    ],
)
def test_refused(agents: tuple[Participant, ...], how: dict[str, Any], kind: Kind, said: str, hint: str) -> None:
    with pytest.raises(Errored) as raised:
        is_ready(*agents, **how)

    assert raised.value.kind is kind
    assert said in str(raised.value)
    assert hint in raised.value.hint


def test_an_avatar_is_no_second_agent() -> None:
    room = [
        agent(),
        with_attributes({"lk.publish_on_behalf": "agent-1"}, identity="avatar"),
        Participant("x", "active", False),
    ]

    assert [each.identity for each in agents_in(room)] == ["agent-1"]
    refuse(agents_in(room), mode=Mode.VOICE, switch="wrapper")
