"""The shapes of agents in memory: the same entrypoints and the same talk as on a real server, with equal results."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from cekura_agent_kit.errors import KitError
from cekura_agent_kit.rehearsal.fixture import Rehearse
from tests.shapes import SHAPES
from tests.shapes.models import CALLS
from tests.shapes.talks import in_the_memory

from .in_memory import PATIENCE

OLD = version("livekit-agents").startswith("1.6.")
"""This livekit-agents does not record that an `on_enter` goes on after its task: the turn has ended by then."""


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if not shape.refused])
async def test_by_the_fixture(rehearse: Rehearse, name: str) -> None:
    shape = SHAPES[name]
    calls = list(CALLS)
    async with rehearse(shape.entrypoint, timeout=PATIENCE) as call:
        heard = (await call.greeting()).heard if shape.hear else []
        turn = await call.say(shape.say)
        heard = [*heard, *turn.heard]
        if name == "task_awaited_on_enter" and OLD:
            heard += (await call.next_words()).heard
        assert [words.strip() for words in heard] == [*shape.hear, *shape.answer]
        if not shape.ends:
            assert not call.room.local_participant.track_publications
        assert call.room.attributes["cekura.proof"] == "text-only"
    assert calls == CALLS


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.refused])
async def test_a_refusal_by_the_fixture(rehearse: Rehearse, name: str) -> None:
    with pytest.raises((KitError, LookupError)) as raised:
        async with rehearse(SHAPES[name].entrypoint, timeout=PATIENCE) as call:
            await call.say("hello")
    assert str(raised.value) in SHAPES[name].refused or SHAPES[name].refused in str(raised.value)


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "waits"])
@pytest.mark.parametrize("name", SHAPES)
async def test_an_evaluator(name: str, waits: bool) -> None:
    seen = await in_the_memory(SHAPES[name], waits=waits)
    assert seen.faults(SHAPES[name]) == []
