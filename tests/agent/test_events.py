"""Tool calls, handoffs and errors, sent to the witness whom a signed permit names, and to nobody else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from livekit import rtc

from cekura_agent_kit.contract import EVENTS_TOPIC, MODE_ATTRIBUTE, Mode
from tests.agent.evaluator import DEADLINE, Evaluator
from tests.agent.workers import Run, Worker, dispatched, signed

pytestmark = pytest.mark.server


class Recognizer:
    """Reads the topic of events, in a participant's room."""

    def __init__(self, participant: Evaluator) -> None:
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        participant.room.register_text_stream_handler(EVENTS_TOPIC, self._on_stream)

    def _on_stream(self, reader: rtc.TextStreamReader, _identity: str) -> None:
        self._tasks.append(asyncio.create_task(self._read(reader)))

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        self.events.append(json.loads(await reader.read_all()))
        self._news.set()

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(DEADLINE):
            while len(self.events) < count:
                self._news.clear()
                await self._news.wait()
        return sorted(self.events, key=lambda event: event["at"])


def metadata(run: Run, *, text: bool = True, **claims: Any) -> str:
    shape = "tools" if text else "tools_without_models"
    mode = Mode.TEXT if text else Mode.VOICE
    return signed(run.worker, run.room, shape, tier="gold", **{"mode": mode, "witness": "witness"} | claims)


@pytest.mark.parametrize("text", [True, False])
async def test_the_witness_alone_is_told(worker: Worker, text: bool) -> None:
    async with dispatched(worker, None) as run, run.evaluator("witness", hidden=True) as witness:
        ears = Recognizer(witness)
        await run.dispatch(metadata(run, text=text))
        await run.until(lambda attributes: MODE_ATTRIBUTE in attributes and "lk.agent.state" in attributes)
        async with run.evaluator() as evaluator:
            others = Recognizer(evaluator)
            await run.announce()
            await run.room_knows(evaluator)
            await evaluator.say("call who and break_down")
            # In voice, words interrupt what is under way.
            await ears.until(3)
            await evaluator.say("call transfer")
            events = await ears.until(5)
            first, *calls = (event for event in events if event["type"] == "tool_call" or event["from"] is None)
            transfer = calls.pop()
            handoff = next(event for event in events if event["type"] == "handoff" and event["from"])
            assert (first["type"], first["from"], first["to"]) == ("handoff", None, "tools")
            by_name = {call["name"]: call for call in calls}
            assert by_name.keys() == {"who", "break_down"}
            who = by_name["who"]
            assert who["type"] == "tool_call"
            assert who["arguments"] == {}
            assert who["output"].startswith("text" if text else "voice")
            assert who["is_error"] is False
            assert who["started_at"] <= who["at"]
            assert who["call_id"]
            assert by_name["break_down"]["is_error"] is True
            assert by_name["break_down"]["exception"] == "ValueError: the shelf is empty"
            assert by_name["break_down"]["place"].startswith("tests/shapes/probes.py:")
            assert (who["exception"], who["place"]) == ("", "")
            assert transfer["name"] == "transfer"
            assert (handoff["from"], handoff["to"]) == ("tools", "specialist")
            assert others.events == []
    assert worker.speech_calls == []


@pytest.mark.parametrize("wrong", [{"secret": "0" * 48}, {"witness": ""}], ids=["not signed", "no witness"])
async def test_without_a_signed_witness_nobody_is_told(worker: Worker, wrong: dict[str, Any]) -> None:
    async with dispatched(worker, None) as run, run.evaluator("witness", hidden=True) as witness:
        ears = Recognizer(witness)
        await run.dispatch(metadata(run, **wrong))
        attributes = await run.until(lambda attributes: "cekura.proof" in attributes)
        assert (attributes["cekura.signed"] == "true") is ("witness" in wrong), attributes
        async with run.evaluator() as evaluator:
            await run.announce()
            await evaluator.say("call who")
            await evaluator.hear("The result is text None s 1#1 gold.")
            assert ears.events == []
