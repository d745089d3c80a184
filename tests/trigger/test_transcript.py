"""What was heard, put together: order, events, latency, raw packets. The budget that all requests share."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.transcript import Transcript, chat_in, event_line
from cekura_agent_kit.verdict import Latency


def test_lines_stand_in_the_order_in_which_they_began() -> None:
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


def test_a_tool_call_began_before_it_was_told() -> None:
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
    assert (line.name, line.arguments, line.output, line.at, line.text) == ("book", {"people": 2}, "booked", 9.5, "")
    failed = event_line(event | {"is_error": True, "at": None, "started_at": "?"}, at=10)
    assert failed is not None
    assert (failed.text, failed.at) == ("failed", 10.0)


@given(
    st.dictionaries(st.text(max_size=10), st.none() | st.integers() | st.text() | st.lists(st.integers())),
    st.floats(0, 1e6),
)
def test_any_event_is_a_line_or_nothing(event: dict[str, Any], at: float) -> None:
    for kind in ("tool_call", "handoff", "error", "other", None):
        event_line(event | {"type": kind}, at=at)


CHAT = {"id": "1", "message": "hello", "timestamp": 1}


@pytest.mark.parametrize(
    ("packet", "topic", "words"),
    [
        (b"hello", "", "hello"),
        (b"hello", "lk.chat", "hello"),
        (b"hello", "other", None),
        (json.dumps(CHAT).encode(), "lk-chat-topic", "hello"),
        (json.dumps(CHAT | {"ignoreLegacy": True}).encode(), "lk-chat-topic", None),
        (json.dumps({"tier": "gold"}).encode(), "", None),
        (b"[1, 2]", "", None),
        (b"42", "", "42"),
        (b"\xff\xfe", "", None),
    ],
)
def test_chat_in_a_raw_packet(packet: bytes, topic: str, words: str | None) -> None:
    assert chat_in(packet, topic) == words


async def test_requests_share_a_budget_and_the_urgent_go_first() -> None:
    budget = Budget(20)
    loop = asyncio.get_running_loop()
    begin, order = loop.time(), []

    async def take(name: str, urgent: bool) -> None:
        await budget.acquire(urgent=urgent)
        order.append(name)

    await asyncio.gather(*(budget.acquire() for _ in range(20)))
    assert loop.time() - begin < 0.5
    await asyncio.gather(*(take("slow", False) for _ in range(5)), *(take("urgent", True) for _ in range(5)))

    assert order[:5] == ["urgent"] * 5 or order[1:6] == ["urgent"] * 5
    assert loop.time() - begin >= 0.4


async def test_after_429_there_are_fewer_and_none_for_a_while() -> None:
    budget = Budget(1000)
    loop = asyncio.get_running_loop()
    budget.slow_down(0.3)
    begin = loop.time()
    await budget.acquire()
    assert loop.time() - begin >= 0.29

    budget.slow_down(60)
    budget.open_up()
    await asyncio.wait_for(budget.acquire(urgent=True), 5)
