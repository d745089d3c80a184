"""A question that is asked of an agent in a room, as an evaluator in text asks it, and its answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from ..rooms.presence import EVALUATOR
from ..rooms.room import Room
from ..rooms.service import participant_token
from ..rooms.witness import Witness
from ..settings.settings import Settings

WORDS: Final = "Hello, can you hear me?"
_GREETING: Final = 3.0
"""Seconds for a greeting, which must not be mistaken for the answer."""
_TOKEN: Final = 60.0
"""Seconds for which the token is valid."""


@dataclass(frozen=True)
class Answer:
    """The agent's last words, and the seconds that they took."""

    text: str
    seconds: float


async def ask(settings: Settings, room: Room, *, within: float) -> Answer | None:
    """Ask the room's agent `WORDS`.

    Args:
        settings: address and key of LiveKit.
        room: the agent is in it, in text mode.
        within: seconds for the answer.

    Returns:
        The answer; None if there was none.

    Raises:
        LiveKitError: the room cannot be joined.
    """
    spoke = asyncio.Event()
    probe = Witness(
        evaluator=EVALUATOR, text=True, clock=time.monotonic, on_line=lambda _: spoke.set(), on_change=lambda: None
    )
    token = participant_token(settings, room=room.name, identity=EVALUATOR, ttl=_TOKEN)
    try:
        await probe.join(settings.room_url, token)
        await room.announce()
        await _within(_GREETING, spoke)
        spoke.clear()
        began = time.monotonic()
        await probe.send_text(WORDS)
        answered = await _within(within, spoke)
        took = time.monotonic() - began
    finally:
        await probe.leave()
    if not answered:
        return None
    text = next((line.text for line in reversed(probe.transcript.lines) if line.role == "agent"), "")
    return Answer(text, took)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
