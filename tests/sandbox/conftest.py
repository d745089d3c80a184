"""Fixtures of the sandbox's tests."""

from __future__ import annotations

import pytest

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

from .agent_room import AgentRoom


@pytest.fixture
def agent_room(livekit_server: LiveKitServer) -> AgentRoom:
    return AgentRoom(livekit_server)
