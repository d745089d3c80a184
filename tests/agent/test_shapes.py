"""Every shape of agent over a real server: answered, silent, nothing lost; or refused by name."""

from __future__ import annotations

import pytest

from tests.agent.workers import Worker
from tests.shapes import SHAPES
from tests.shapes.talks import on_the_server

pytestmark = pytest.mark.server


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("waits", [False, True], ids=["at once", "waits"])
async def test_shape(worker: Worker, name: str, waits: bool) -> None:
    seen = await on_the_server(worker, name, SHAPES[name], waits=waits)
    assert seen.faults(SHAPES[name]) == []
    assert worker.speech_calls == []
