from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from .worlds import MemoryWorld, ServerWorld, World


@pytest.fixture(params=["memory", pytest.param("server", marks=pytest.mark.server)])
def make_world(request: pytest.FixtureRequest) -> Callable[[], World]:
    if request.param == "memory":
        return MemoryWorld
    server = request.getfixturevalue("livekit_server")
    return lambda: ServerWorld(server)


@pytest.fixture
async def world(make_world: Callable[[], World]) -> AsyncIterator[World]:
    """The same room in memory and on a real server."""
    made = make_world()
    yield made
    await made.close()
