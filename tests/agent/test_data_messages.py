"""Raw data packets: what they are taken for, and chat and payloads over a real server."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekura_agent_kit.chat import ChatPacket, Payload, read_packet
from cekura_agent_kit.contract import PROOF_ATTRIBUTE
from tests.agent.workers import Worker, dispatched


def legacy(message: str, **more: object) -> str:
    return json.dumps({"id": "m1", "timestamp": 1, "message": message, **more})


@pytest.mark.parametrize("topic", ["", "lk.chat", "lk-chat-topic"])
@pytest.mark.parametrize(
    ("data", "read"),
    [
        ("hello", ("hello", False)),
        ("42", ("42", False)),
        ('"hello"', ('"hello"', False)),
        ("null", ("null", False)),
        ("", ("", False)),
        ("{broken", ("{broken", False)),
        (legacy("hello"), ("hello", True)),
        (legacy("hello", ignoreLegacy=False), ("hello", True)),
        (legacy("hello", ignoreLegacy=True), None),
        ('{"id": 1, "message": "hello", "timestamp": 1}', {"id": 1, "message": "hello", "timestamp": 1}),
        ('{"id": "m", "message": "hello"}', {"id": "m", "message": "hello"}),
        ('{"plan": "gold"}', {"plan": "gold"}),
        ("[1, 2]", [1, 2]),
    ],
)
def test_on_a_topic_of_chat(topic: str, data: str, read: object) -> None:
    got = read_packet(data.encode(), topic)
    if isinstance(read, tuple):
        assert got == ChatPacket(read[0], topic, is_json=read[1])
    elif read is None:
        assert got is None
    else:
        assert got == Payload(read, topic)


def test_on_another_topic_everything_is_a_data_message() -> None:
    assert read_packet(legacy("hello").encode(), "orders") == Payload(json.loads(legacy("hello")), "orders")
    assert read_packet(b"3", "orders") == Payload(3, "orders")
    with pytest.raises(ValueError, match="not JSON"):
        read_packet(b"hello", "orders")


@given(st.binary(), st.sampled_from(["", "lk.chat", "orders"]))
def test_any_packet_is_read_or_refused(data: bytes, topic: str) -> None:
    try:
        read = read_packet(data, topic)
    except ValueError:
        return
    assert read is None or isinstance(read, ChatPacket | Payload)


@pytest.mark.server
@pytest.mark.parametrize("topic", ["", "lk.chat", "lk-chat-topic"])
@pytest.mark.parametrize("old", [True, False])
async def test_chat_in_packets_is_answered_in_kind(worker: Worker, topic: str, old: bool) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "plain"}) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator:
            await evaluator.send_packet(legacy("hello") if old else "hello", topic)
            await run.announce()
            got_topic, data = await evaluator.packet()
            assert got_topic == topic
            assert (json.loads(data)["message"] if old else data) == "You said hello."
            if old:
                assert json.loads(data).keys() == {"id", "timestamp", "message"}
            await evaluator.hear("You said hello.")


@pytest.mark.server
async def test_a_message_sent_in_both_ways_is_answered_once(worker: Worker) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "plain"}) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator:
            await run.announce()
            await evaluator.say("hello")
            await evaluator.send_packet(legacy("hello"), "lk-chat-topic")
            await evaluator.send_packet(legacy("unseen", ignoreLegacy=True), "lk-chat-topic")
            await evaluator.hear("You said hello.")
            await evaluator.say("bye")
            await evaluator.hear("You said bye.")
            assert evaluator.heard == ["You said hello.", "You said bye."]


@pytest.mark.server
async def test_payloads_reach_the_handler_and_the_malformed_hurt_nothing(worker: Worker) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "data_messages"}) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator:
            await evaluator.send_packet('{"plan": "gold"}', "orders")
            await evaluator.send_packet(b"\xff\xfe", "orders")
            await evaluator.send_packet("no JSON", "orders")
            await evaluator.send_packet("[1]", "")
            await run.announce()
            await evaluator.hear(": [1] by evaluator")
            assert evaluator.heard == ["Welcome.", "orders: {'plan': 'gold'} by evaluator", ": [1] by evaluator"]
            await evaluator.say("hello")
            await evaluator.hear("You said hello.")


@pytest.mark.server
async def test_only_the_caller_is_heard(worker: Worker) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "data_messages"}) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator, run.evaluator("stranger") as stranger:
            await run.announce()
            await evaluator.hear("Welcome.")
            await run.announce("stranger")
            await stranger.send_packet('{"plan": "theirs"}', "orders")
            await stranger.send_packet("hello from a stranger", "")
            await stranger.say("hello from a stranger")
            await evaluator.send_packet('{"plan": "mine"}', "orders")
            await evaluator.hear("orders: {'plan': 'mine'} by evaluator")
            assert evaluator.heard == ["Welcome.", "orders: {'plan': 'mine'} by evaluator"]
