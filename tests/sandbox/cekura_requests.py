"""Requests to the stand-in for Cekura's API, and scenarios for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from livekit import api

from cekura_agent_kit.sandbox.cekura.reads import V1, V2
from cekura_agent_kit.sandbox.cekura.runs import RunTiming
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import KEY_HEADER, CekuraService
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

QUICK = RunTiming(queue=0.001, scoring=0.001)
CHAT = f"{V1}/scenarios-external/run_scenarios_livekit_chat/"
VOICE = f"{V1}/scenarios-external/run_scenarios_livekit/"


def scenario(*talk: dict[str, Any], patience: float = 60, **rest: Any) -> Scenario:
    return Scenario.model_validate({"name": "A talk", "talk": talk, "patience": patience, **rest})


def token(room: str = "somewhere", *, server: LiveKitServer | None = None, identity: str = "evaluator") -> str:
    key, secret = (server.api_key, server.api_secret) if server else ("key", "s" * 32)
    grants = api.VideoGrants(room_join=True, room=room)
    made = api.AccessToken(key, secret).with_identity(identity).with_grants(grants)
    return made.with_ttl(timedelta(minutes=5)).to_jwt()


def entry(scenario_id: int = 30, **changes: Any) -> dict[str, Any]:
    """One element of ``scenarios`` of a start; a change to None takes the field away."""
    made = {"scenario": scenario_id, "livekit_room_url": "wss://rooms.example", "access_token": token()} | changes
    return {name: value for name, value in made.items() if value is not None}


@asynccontextmanager
async def client_of(service: CekuraService) -> AsyncIterator[httpx.AsyncClient]:
    headers = {KEY_HEADER: service.api_key}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


async def final(client: httpx.AsyncClient, run_id: int) -> dict[str, Any]:
    """The run, once its status is final."""
    async with asyncio.timeout(60):
        while True:
            run: dict[str, Any] = (await client.get(f"{V2}/runs/{run_id}/")).json()
            if run["status"] in {"completed", "failed", "timeout", "cancelled"}:
                return run
            await asyncio.sleep(0.01)
