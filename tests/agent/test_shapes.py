"""Every shape of agent over a real server: answered, silent, nothing lost."""

from __future__ import annotations

import pytest

from cekura_agent_kit.contract import KIT_ATTRIBUTE, MODE_ATTRIBUTE, PROOF_ATTRIBUTE
from tests.agent.workers import Worker, dispatched
from tests.shapes import SHAPES

pytestmark = pytest.mark.server


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("waits", [False, True], ids=["at once", "waits"])
async def test_shape(worker: Worker, name: str, waits: bool) -> None:
    shape = SHAPES[name]
    async with dispatched(worker, {"text_mode": True, "shape": name}) as run:
        await run.until(lambda attributes: attributes.get(MODE_ATTRIBUTE) == "text")
        async with run.evaluator() as evaluator:
            if waits:
                await run.announce()
                for words in shape.hear:
                    await evaluator.hear(words)
                await evaluator.say(shape.say)
            else:
                await evaluator.say(shape.say)
                await run.announce()
            await evaluator.hear(shape.answer[-1])
            attributes = await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
            assert attributes[PROOF_ATTRIBUTE] == "text-only"
            assert attributes[KIT_ATTRIBUTE]
            assert evaluator.heard == [*shape.hear, *shape.answer]
            assert evaluator.audio_tracks == []
    assert worker.speech_calls == []
