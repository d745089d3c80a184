"""Fixtures of the tests in voice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cekura_agent_kit.sandbox.channels.speech import Speech
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

from .studio import Studio


@pytest.fixture
async def speech() -> AsyncIterator[Speech]:
    async with Speech() as speech:
        yield speech


@pytest.fixture
async def studio(livekit_server: LiveKitServer, speech: Speech) -> Studio:
    return Studio(livekit_server, speech)
