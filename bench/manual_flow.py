"""The documented way without the kit: dispatch, token, start, poll each five seconds, one scenario after the other.

    python -m bench.manual_flow AGENT_NAME SCENARIO [SCENARIO …]

Takes the same environment as `cekura-kit run`. It is what a team would write from the documentation in an afternoon,
and the peer of the benchmark suite-20: no guard, no clean-up on errors, nothing in parallel.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from datetime import timedelta

import httpx
from livekit import api

POLL = 5.0
"""Seconds between polls, as first-party examples have it."""
FINAL = {"completed", "failed", "timeout", "cancelled"}


async def run_one(lkapi: api.LiveKitAPI, cekura: httpx.AsyncClient, agent_name: str, scenario: int) -> bool:
    """Return True if the scenario passed."""
    room = f"manual-{uuid.uuid4().hex[:12]}"
    await lkapi.agent_dispatch.create_dispatch(
        api.CreateAgentDispatchRequest(agent_name=agent_name, room=room, metadata=json.dumps({"text_mode": True}))
    )
    grants = api.VideoGrants(room_join=True, room=room)
    token = api.AccessToken().with_identity("evaluator").with_grants(grants).with_ttl(timedelta(hours=1)).to_jwt()
    started = await cekura.post(
        "/test_framework/v1/scenarios-external/run_scenarios_livekit_chat/",
        json={
            "scenarios": [{"scenario": scenario, "livekit_room_url": os.environ["LIVEKIT_URL"], "access_token": token}]
        },
    )
    run_id = started.raise_for_status().json()["runs"][0]["id"]
    while True:
        await asyncio.sleep(POLL)
        run = (await cekura.get(f"/test_framework/v2/runs/{run_id}/")).raise_for_status().json()
        if run["status"] in FINAL:
            break
    await lkapi.room.delete_room(api.DeleteRoomRequest(room=room))
    return run["status"] == "completed" and run["success"] is True


async def main(agent_name: str, scenarios: list[int]) -> int:
    """Exit code 0 where all passed."""
    headers = {"X-CEKURA-API-KEY": os.environ["CEKURA_API_KEY"]}
    async with (
        api.LiveKitAPI() as lkapi,
        httpx.AsyncClient(base_url=os.environ["CEKURA_API_URL"], headers=headers, timeout=30) as cekura,
    ):
        passed = [await run_one(lkapi, cekura, agent_name, scenario) for scenario in scenarios]
    print(f"{sum(passed)} of {len(passed)} passed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], [int(each) for each in sys.argv[2:]])))
