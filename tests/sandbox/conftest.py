"""Fixtures of the sandbox's tests."""

from __future__ import annotations

import pytest

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

from .place import Place


@pytest.fixture
def place(livekit_server: LiveKitServer) -> Place:
    return Place(livekit_server)
