"""Claims to be a test, on a real server: a caller who shapes the metadata is charged as any other caller."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

import pytest
from livekit import api, rtc

from tests.agent.evaluator import DEADLINE, Evaluator
from tests.agent.workers import Worker, signed

pytestmark = pytest.mark.server

CLAIMS: list[dict[str, Any]] = [{"text_mode": True}, {"cekura": {}}, {"scenario_id": 1, "run_id": 1}]
"""Metadata that made an agent of 0.1 skip what must not be done in a test."""
PATTERNS = ["charges", "charges_signed_tests_excepted"]
"""The pattern of docs/wrapping.md in the default; `current_call() is None` under ``tests="signed"``."""


def room_config_of(request: dict[str, Any]) -> api.RoomConfiguration:
    """Pass the client's ``room_config`` on, as the token endpoint of LiveKit's documentation does."""
    agents = [api.RoomAgentDispatch(**agent) for agent in request["room_config"]["agents"]]
    return api.RoomConfiguration(agents=agents)


async def answer_to_a_charge(worker: Worker, room: str, metadata: str) -> str:
    """Join with a token of that endpoint, and ask the agent to charge the card."""
    request = {"room_config": {"agents": [{"agent_name": worker.agent_name, "metadata": metadata}]}}
    async with Evaluator(worker.server, room, "caller", room_config=room_config_of(request)) as caller:
        await until_listening(caller.room)
        await caller.say("call charge")
        return await caller.first_words()


async def until_listening(room: rtc.Room) -> None:
    """Wait until the agent listens. It joins after its caller, and knows him then."""
    changed = asyncio.Event()
    for event in ("participant_connected", "participant_attributes_changed"):
        room.on(event, lambda *_: changed.set())
    async with asyncio.timeout(DEADLINE):
        while not any(
            each.attributes.get("lk.agent.state") == "listening" for each in room.remote_participants.values()
        ):
            changed.clear()
            await changed.wait()


@pytest.mark.parametrize("shape", PATTERNS)
async def test_who_claims_to_be_a_test_is_charged(worker: Worker, shape: str) -> None:
    async def attack(claim: dict[str, Any]) -> str:
        metadata = json.dumps({**claim, "shape": shape})
        return await answer_to_a_charge(worker, f"attack-{secrets.token_hex(6)}", metadata)

    answers = await asyncio.gather(*map(attack, CLAIMS))
    assert answers == ["The result is charged."] * len(CLAIMS)


@pytest.mark.parametrize("shape", PATTERNS)
async def test_a_signed_test_is_not_charged(worker: Worker, shape: str) -> None:
    room = f"signed-{secrets.token_hex(6)}"
    assert await answer_to_a_charge(worker, room, signed(worker, room, shape)) == "The result is not charged."
