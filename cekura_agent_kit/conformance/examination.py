"""Conformance check of an agent: its rooms, one kind after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from ..contract import SIGNED_ATTRIBUTE, Mode
from ..sandbox.channels.voice import VoiceChannel
from ..trigger.rooms.budget import Budget
from ..trigger.rooms.service import LiveKit
from ..trigger.settings.redaction import Redaction
from ..trigger.timing import Timing
from .checked_room import Subject
from .claims import check_claims
from .clauses import Finding
from .text_room import check_text
from .voice_room import check_voice


async def check_agent(
    subject: Subject,
    *,
    modes: Collection[Mode] = tuple(Mode),
    make_channel: Callable[[], VoiceChannel] = VoiceChannel,
    on_finding: Callable[[Finding], None] = lambda _: None,
) -> list[Finding]:
    """Check an agent that a worker serves.

    Args:
        subject: the agent.
        modes: the modes that it is checked in.
        make_channel: returns the evaluator's channel in voice.
        on_finding: called with the findings of a kind of room as soon as they are known.

    Raises:
        LiveKitError: LiveKit cannot be reached, or a room could not be deleted.
    """
    redaction = Redaction(subject.settings.secrets)
    findings: list[Finding] = []

    def add(found: Iterable[Finding]) -> None:
        for each in found:
            findings.append(replace(each, detail=redaction.text(each.detail)))
            on_finding(findings[-1])

    timing = Timing.of(subject.settings)
    async with LiveKit(subject.settings, Budget(timing.livekit_requests)) as livekit:
        if Mode.TEXT in modes:
            add(await check_text(livekit, subject))
        if Mode.VOICE in modes:
            add(await check_voice(livekit, subject, make_channel=make_channel))
        signed = any(each.clause.name == SIGNED_ATTRIBUTE and each.outcome == "ok" for each in findings)
        add(await check_claims(livekit, subject, accepts_tests=signed))
    return findings
