"""An agent that ends its call is heard to its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from livekit import api, rtc

from cekura_agent_kit.contract import ENDED_ATTRIBUTE
from tests.agent.evaluator import Evaluator
from tests.agent.workers import Run, Worker, dispatched, signed

pytestmark = pytest.mark.server


async def test_words_that_are_being_sent_arrive_before_the_agent_deletes_the_room(worker: Worker) -> None:
    async with dispatched(worker, {"text_mode": True, "shape": "hangs_up_while_words_are_sent"}) as run:
        await run.until(lambda attributes: "cekura.proof" in attributes)
        async with run.evaluator() as evaluator:
            asked = questions_to(evaluator)
            await run.announce()
            await evaluator.say("call hang_up")
            await evaluator.disconnected()
            assert evaluator.ended == ["Farewell my friend."]
            assert asked() == 1


async def test_an_agent_that_is_told_of_the_end_does_not_ask_the_evaluator_what_has_arrived(worker: Worker) -> None:
    """LiveKit announces a leave 2 s later, and nobody answers until then."""
    async with dispatched(worker, None) as run:
        await run.dispatch(signed(worker, run.room, "speaks_when_told_of_the_end"))
        await run.until(lambda attributes: "cekura.proof" in attributes)
        async with run.evaluator() as evaluator:
            # Still here, so that the question would come.
            asked = questions_to(evaluator)
            await run.announce()
            await evaluator.say("A table for two, please.")
            await evaluator.first_words()
            await tell_end(run)
            await evaluator.hear("Bye.")
            await run.agent_gone()
            assert asked() == 0


def questions_to(evaluator: Evaluator) -> Callable[[], int]:
    """Count how often the agent asks what has arrived at the evaluator."""
    asked: list[rtc.RpcInvocationData] = []

    def arrived(question: rtc.RpcInvocationData) -> str:
        asked.append(question)
        return ""

    evaluator.room.local_participant.register_rpc_method("cekura.arrived", arrived)
    return lambda: len(asked)


async def tell_end(run: Run) -> None:
    agent = await run.agent()
    assert agent is not None
    await run.api.room.update_participant(
        api.UpdateParticipantRequest(room=run.room, identity=agent.identity, attributes={ENDED_ATTRIBUTE: "true"})
    )
