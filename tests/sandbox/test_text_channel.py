"""The evaluator's channel in text, without a server: what is in flight when the agent leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

from livekit import rtc

from cekura_agent_kit.sandbox.cekura.evaluator import Evaluator
from cekura_agent_kit.sandbox.channels.text import TextChannel

from .cekura_requests import scenario


class Offline(TextChannel):
    identity = "evaluator"


async def unfinished(text: str) -> AsyncIterator[str]:
    """A text stream whose end never comes."""
    yield text
    await asyncio.Event().wait()


async def test_words_of_an_open_stream_are_heard_before_the_agent_is_gone() -> None:
    channel = Offline()
    talking = asyncio.create_task(Evaluator(scenario({"hear": "it is booked"}, patience=60), channel).run())
    channel.room._text_stream_handlers["lk.transcription"](unfinished("It is booked."), "agent")  # type: ignore[arg-type]
    channel.room.emit("participant_disconnected", SimpleNamespace(kind=rtc.ParticipantKind.PARTICIPANT_KIND_AGENT))
    judgement = await asyncio.wait_for(talking, 30)
    assert judgement.success, judgement
    assert [line.text for line in channel.transcript] == ["It is booked."]
