"""The witness in a real room: what is left of a join that was broken off."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from livekit import api

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.rooms.witness import Witness

pytestmark = pytest.mark.server


@pytest.mark.parametrize("steps", [1, 10, 100])
async def test_a_join_that_is_broken_off_does_not_bring_its_room_back(
    livekit_server: LiveKitServer, steps: int
) -> None:
    """The server makes a deleted room again for whoever still joins it."""
    server = livekit_server
    name = f"test-{secrets.token_hex(6)}"
    token = (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity("witness")
        .with_grants(api.VideoGrants(room_join=True, room=name, hidden=True))
        .to_jwt()
    )
    witness = Witness(evaluator="e", text=True, clock=lambda: 0.0, on_line=lambda _: None, on_change=lambda: None)
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as lkapi:
        await lkapi.room.create_room(api.CreateRoomRequest(name=name))
        joining = asyncio.create_task(witness.join(server.url, token))
        for _ in range(steps):
            await asyncio.sleep(0)
        joining.cancel()
        await asyncio.wait({joining})
        await witness.leave()
        await lkapi.room.delete_room(api.DeleteRoomRequest(room=name))
        # It would come back within this time: there is no event for what must not happen.
        for _ in range(20):
            await asyncio.sleep(0.05)
            found = await lkapi.room.list_rooms(api.ListRoomsRequest(names=[name]))
            assert not list(found.rooms)
