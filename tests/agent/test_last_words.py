"""An agent that ends its call is heard to its end."""

from __future__ import annotations

import pytest

from tests.agent.workers import Worker, dispatched

pytestmark = pytest.mark.server


async def test_words_that_are_being_sent_arrive_before_the_agent_deletes_the_room(worker: Worker) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "hangs_up_while_words_are_sent"}) as run:
        await run.until(lambda attributes: "cekura.proof" in attributes)
        async with run.evaluator() as evaluator:
            await run.announce()
            await evaluator.say("call hang_up")
            await evaluator.disconnected()
            assert evaluator.ended == ["Farewell my friend."]
