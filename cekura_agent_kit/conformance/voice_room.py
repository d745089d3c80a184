"""Clauses that are checked in a room in voice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from ..contract import PROOF_ATTRIBUTE, Mode
from ..errors import SandboxError
from ..sandbox.channels.channel import ChannelClosed
from ..sandbox.channels.speech import check_installed
from ..sandbox.channels.voice import VoiceChannel
from ..trigger.rooms.presence import EVALUATOR
from ..trigger.rooms.service import LiveKit
from .checked_room import CheckedRoom, Subject
from .clauses import Finding, Record
from .shown import ATTRIBUTES, note_attributes, note_joined

_GREETING: Final = 5.0
"""Seconds for the beginning of a greeting, once the agent has published its track."""
_INTERRUPTED: Final = 5.0
"""Seconds in which a greeting that the evaluator interrupts falls silent."""
_POLL: Final = 0.05
"""Seconds between two looks at the agent's sound."""


async def check_voice(
    livekit: LiveKit, subject: Subject, *, make_channel: Callable[[], VoiceChannel] = VoiceChannel
) -> list[Finding]:
    """Check the clauses of a room in voice.

    Args:
        livekit: the client.
        subject: the agent.
        make_channel: returns the evaluator's channel; the sandbox has one whose speech its models understand.
    """
    record = Record("voice")
    async with CheckedRoom(livekit, subject) as room:
        agents = await room.dispatch(subject.signed_metadata(room.name, Mode.VOICE))
        if not note_joined(record, agents, agent_name=subject.agent_name, patience=subject.patience):
            return record.findings(otherwise="no one agent joined")
        shown = await room.attributes(*ATTRIBUTES)
        if not note_attributes(record, shown, Mode.VOICE):
            return record.findings(otherwise="the agent refused the test")
        try:
            check_installed()
        except SandboxError as error:
            return record.findings(otherwise=f"{error}: {error.hint}")
        await _converse(record, room, subject, make_channel())
        proof = (await room.attributes(within=0)).get(PROOF_ATTRIBUTE)
        record.note("no text proof", proof is None, ok="it is not set", missing=f"it is {proof!r}")
        clean, how = await room.end()
        record.note("ends", clean, ok=how, missing=how)
    return record.findings(otherwise="not checked")


async def _converse(record: Record, room: CheckedRoom, subject: Subject, channel: VoiceChannel) -> None:
    try:
        await channel.join(subject.settings.room_url, room.token(EVALUATOR))
        await room.announce()
        has_track = await room.wait_for_track(subject.answer)
        record.note("audio track", has_track, ok="published", missing=f"none was published within {subject.answer:g} s")
        if not has_track:
            return
        # A greeting must not be mistaken for the answer.
        await _until(lambda: channel.agent_is_speaking, within=_GREETING)
        await channel.settle()
        await channel.say(subject.words)
        said = time.monotonic()
        await _until(lambda: not channel.agent_is_speaking, within=_INTERRUPTED)
        answered = await _until(lambda: channel.agent_is_speaking, within=subject.answer)
        took = f"{time.monotonic() - said:.1f} s after the evaluator's last words"
        record.note(
            "answers speech", answered, ok=took, missing=f"no speech within {subject.answer:g} s. {channel.diagnosis}"
        )
    except ChannelClosed as closed:
        record.missing("answers speech", str(closed))
    finally:
        await channel.hang_up()


async def _until(condition: Callable[[], bool], *, within: float) -> bool:
    """Wait until the condition holds. Returns False if it does not in time. The agent's sound sets no event."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_POLL)
    return True
