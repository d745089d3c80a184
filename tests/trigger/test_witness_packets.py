"""Chat in data packets, as the witness reads it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from livekit import rtc

from cekura_agent_kit.trigger.rooms.witness import Witness


async def lines_of(
    monkeypatch: pytest.MonkeyPatch, *packets: tuple[str, str | None], announced: bool
) -> list[tuple[str, str]]:
    """The lines of a witness that received packets, each of its text and of its sender's identity."""
    rooms: list[Any] = []

    async def connect(room: rtc.Room, *_: object) -> None:
        rooms.append(room)

    monkeypatch.setattr(rtc.Room, "connect", connect)
    witness = Witness(
        evaluator="evaluator", text=True, clock=lambda: 0.0, on_line=lambda _: None, on_change=lambda: None
    )
    await witness.join("ws://localhost", "token")
    (room,) = rooms
    if announced:
        room._remote_participants["evaluator"] = SimpleNamespace(identity="evaluator")
    for text, sender in packets:
        participant: Any = None if sender is None else SimpleNamespace(identity=sender)
        room.emit("data_received", rtc.DataPacket(text.encode(), rtc.DataPacketKind.KIND_RELIABLE, participant, ""))
    return [(line.role, line.text) for line in witness.transcript.lines]


async def test_a_packet_of_an_evaluator_that_is_not_announced_yet_is_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await lines_of(monkeypatch, ("Hello.", None), announced=False) == [("evaluator", "Hello.")]


async def test_packets_of_others_are_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    packets = ("From the agent.", "agent-1"), ("From the server.", None), ("Hello.", "evaluator")
    assert await lines_of(monkeypatch, *packets, announced=True) == [("evaluator", "Hello.")]
