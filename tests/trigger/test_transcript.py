"""Transcript of a room: order, events, reply times."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekura_agent_kit.trigger.rooms.transcript import Transcript, event_line
from cekura_agent_kit.verdict import Check, Latency, exception_of


def test_lines_are_in_the_order_in_which_they_began() -> None:
    heard = Transcript()
    heard.add_words("agent", "later", at=3, until=4)
    heard.add_words("evaluator", "first", at=1, until=2)
    heard.add_event({"type": "handoff", "from": None, "to": "Billing"}, at=2)

    assert [(line.role, line.text) for line in heard.lines] == [
        ("evaluator", "first"),
        ("event", "to Billing"),
        ("agent", "later"),
    ]
    assert heard.add_words("agent", "  \n", at=5, until=5) is None


def test_latency_is_from_the_last_words_to_the_first() -> None:
    heard = Transcript()
    heard.add_words("agent", "welcome", at=0, until=1)
    heard.add_words("evaluator", "a", at=2, until=3)
    heard.add_words("evaluator", "and b", at=4, until=5)
    heard.add_words("agent", "one moment", at=5.5, until=6)
    heard.add_words("agent", "done", at=8, until=9)
    heard.add_words("evaluator", "c", at=10, until=11)
    heard.add_words("agent", "yes", at=12, until=13)

    assert heard.latency.turns == [0.5, 1.0]
    assert (heard.latency.median, heard.latency.p95) == (0.75, 1.0)
    assert heard.full_reply.turns == [4.0, 2.0]


@given(st.lists(st.floats(0, 100), min_size=1))
def test_the_percentile_is_one_of_the_turns(turns: list[float]) -> None:
    latency = Latency.of(turns)

    assert latency.p95 is not None
    assert latency.median is not None
    assert latency.median - 0.001 <= latency.p95 <= max(turns) + 0.001


def test_a_tool_call_began_before_its_event_was_received() -> None:
    event = {
        "type": "tool_call",
        "name": "book",
        "arguments": {"people": 2},
        "output": "booked",
        "is_error": False,
        "at": 5000.5,
        "started_at": 5000.0,
    }
    line = event_line(event, at=10)

    assert line is not None
    assert (line.name, line.arguments, line.output, line.at, line.is_error) == (
        "book",
        {"people": 2},
        "booked",
        9.5,
        False,
    )
    raised = {"exception": "ValueError: full", "place": "agent.py:41"}
    failed = event_line(event | raised | {"is_error": True, "at": None, "started_at": "?"}, at=10)
    assert failed is not None
    assert (failed.text, failed.is_error, failed.at) == ("", True, 10.0)
    assert exception_of(failed) == "ValueError: full (agent.py:41)"


@given(
    st.dictionaries(st.text(max_size=10), st.none() | st.integers() | st.text() | st.lists(st.integers())),
    st.floats(0, 1e6),
)
def test_any_event_is_a_line_or_nothing(event: dict[str, Any], at: float) -> None:
    for kind in ("tool_call", "handoff", "error", "other", None):
        event_line(event | {"type": kind}, at=at)


TOOL = {"type": "tool_call", "name": "book", "at": 5000.5, "started_at": 5000.0}


@pytest.mark.parametrize(
    ("asked", "received", "order"),
    [
        # The words were received 0.2 s late, after the call's start as computed: the call still follows them.
        (10.1, 10.4, ["evaluator", "tool"]),
        (9.0, 10.0, ["evaluator", "tool"]),
        # The evaluator spoke while a tool was running for long.
        (12.0, 11.0 + 1.2, ["evaluator", "tool"]),
        (12.0, 11.9, ["tool", "evaluator"]),
    ],
)
def test_a_tool_call_follows_the_words_that_led_to_it(asked: float, received: float, order: list[str]) -> None:
    transcript = Transcript()
    transcript.add_words("evaluator", "a table", at=asked, until=asked)
    transcript.add_event(TOOL, at=received, asked=asked if asked <= received else 0.0)
    transcript.add_words("agent", "It is booked.", at=received + 0.1, until=received + 0.2)

    assert [line.role for line in transcript.lines if line.role != "agent"] == order
    times = [line.at or 0.0 for line in transcript.lines]
    assert times == sorted(times)


def test_a_check_is_a_line_and_is_kept_whatever_its_fields_are() -> None:
    heard = Transcript()
    for event in (
        {"type": "check", "name": "paid", "ok": True, "detail": ""},
        {"type": "check", "name": "booked", "ok": False, "detail": "nothing at 19:00"},
        {"type": "check", "name": 5, "ok": "yes", "detail": None},
    ):
        heard.add_event(event, at=1)
    assert [(line.role, line.name, line.text) for line in heard.lines] == [
        ("event", "check", "paid: passed"),
        ("event", "check", "booked: failed (nothing at 19:00)"),
        ("event", "check", "5: failed"),
    ]
    assert heard.checks == [
        Check(name="paid", ok=True),
        Check(name="booked", ok=False, detail="nothing at 19:00"),
        Check(name="5", ok=False),
    ]


def test_white_space_is_not_a_line_and_surrogates_are_replaced() -> None:
    transcript = Transcript()

    assert transcript.add_words("agent", " \n", at=1, until=1) is None
    line = transcript.add_words("agent", "a \ud800 b", at=1, until=1)
    assert line is not None
    assert line.text == "a ? b"
