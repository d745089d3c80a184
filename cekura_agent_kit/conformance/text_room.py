"""Clauses that are checked in a room in text."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

from ..chat import CHAT_TOPIC, OLDER_CHAT_TOPIC, PACKET_TOPICS, ChatPacket, read_packet
from ..contract import PROOF_ATTRIBUTE, TEXT_ONLY, Mode
from ..trigger.rooms.presence import EVALUATOR
from ..trigger.rooms.service import LiveKit
from ..trigger.rooms.witness import IDENTITY, Witness
from .checked_room import CheckedRoom, Subject
from .clauses import Finding, Record
from .shown import ATTRIBUTES, note_attributes, note_joined
from .text_caller import TextCaller, older_chat

_PROOF: Final = 3.0
"""Seconds for the proof after the first answer."""
_QUIET: Final = 0.5
"""Seconds for packets that would answer a payload; the answer to the words behind it has come already."""


async def check_text(livekit: LiveKit, subject: Subject) -> list[Finding]:
    """Check the clauses of a room in text."""
    record = Record("text")
    async with CheckedRoom(livekit, subject) as room:
        agents = await room.dispatch(subject.signed_metadata(room.name, Mode.TEXT))
        if not note_joined(record, agents, agent_name=subject.agent_name, patience=subject.patience):
            return record.findings(otherwise="no one agent joined")
        if not note_attributes(record, await room.attributes(*ATTRIBUTES), Mode.TEXT):
            return record.findings(otherwise="the agent refused the test")
        await _converse(record, room, subject)
        record.note(
            "no audio",
            room.audio_tracks == 0,
            ok="no audio track was published",
            missing=f"{room.audio_tracks} audio track(s) published",
        )
        clean, how = await room.end()
        record.note("ends", clean, ok=how, missing=how)
    return record.findings(otherwise="not checked")


async def _converse(record: Record, room: CheckedRoom, subject: Subject) -> None:
    witness = Witness(
        evaluator=EVALUATOR, text=True, clock=time.monotonic, on_line=lambda _: None, on_change=lambda: None
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(witness.leave)
        await witness.join(subject.settings.room_url, room.token(IDENTITY, hidden=True))
        caller = TextCaller()
        stack.push_async_callback(caller.hang_up)
        await caller.join(subject.settings.room_url, room.token(EVALUATOR))
        # Sent before the announcement. The form of the answer shows which words it answers; a greeting has none.
        await caller.send_packet(subject.words, CHAT_TOPIC)
        await room.announce()
        early = await caller.packet(_is_plain, after=0, within=subject.answer)
        answer = await caller.asks(_once_more(subject, 2), within=subject.answer)
        record.note("streams", answer is not None, ok=_quoted(answer), missing=f"no answer within {subject.answer:g} s")
        await _check_packets(record, caller, subject, early)
        await _check_payloads(record, caller, subject)
        proof = (await room.attributes(PROOF_ATTRIBUTE, within=_PROOF)).get(PROOF_ATTRIBUTE, "")
        record.note(
            "cekura.proof", proof == TEXT_ONLY, ok=proof, missing=f"it is {proof!r}" if proof else "it is not set"
        )
    _note_events(record, witness)


async def _check_packets(record: Record, caller: TextCaller, subject: Subject, early: str | None) -> None:
    """Check packets of both forms. The early words were a packet, so they tell of packets, too."""
    plain = early
    if early is None:
        before = len(caller.packets)
        await caller.send_packet(_once_more(subject, 3), CHAT_TOPIC)
        plain = await caller.packet(_is_plain, after=before, within=subject.answer)
    unanswered = f"no packet on {CHAT_TOPIC} answered within {subject.answer:g} s"
    record.note("packets", plain is not None, ok=_quoted(plain), missing=unanswered)
    if plain is None:
        record.skipped("early words", "they are sent as a packet, and the agent answers none")
    else:
        lost = "they were not answered; the same words, sent later, were"
        record.note("early words", early is not None, ok=_quoted(early), missing=lost)
    before = len(caller.packets)
    await caller.send_packet(older_chat(_once_more(subject, 4)), OLDER_CHAT_TOPIC)
    as_json = await caller.packet(_is_older_chat, after=before, within=subject.answer)
    unanswered = f"no JSON packet on {OLDER_CHAT_TOPIC} answered within {subject.answer:g} s"
    record.note("JSON packets", as_json is not None, ok=_quoted(as_json), missing=unanswered)


async def _check_payloads(record: Record, caller: TextCaller, subject: Subject) -> None:
    """Send what is not chat, and then words. Order is kept, so an answer to what is not chat would come first."""
    if "ok" not in (record.outcome("packets"), record.outcome("JSON packets")):
        record.skipped("payloads", "the agent answers no packets at all")
        return
    before = len(caller.packets)
    await caller.send_packet('{"check-agent": ["not chat"]}', CHAT_TOPIC)
    await caller.send_packet(older_chat("not chat", ignoreLegacy=True), OLDER_CHAT_TOPIC)
    answer = await caller.asks(_once_more(subject, 5), within=subject.answer)
    await asyncio.sleep(_QUIET)
    answered = [text for topic, text in caller.packets[before:] if _is_chat(topic, text)]
    if answered:
        record.missing("payloads", f"answered by {_quoted(answered[0])}")
    elif answer is None:
        record.missing("payloads", "words behind them were not answered any more")
    else:
        record.ok("payloads", "not answered, and the words behind them were")


def _note_events(record: Record, witness: Witness) -> None:
    calls = [line.name for line in witness.transcript.lines if line.role == "tool"]
    if calls:
        record.ok("events", f"tool calls: {', '.join(calls)}")
    else:
        record.skipped("events", "no tool call was received; `--say` words that make the agent call one")


def _once_more(subject: Subject, number: int) -> str:
    """Return the words as other words: the same ones in two forms within 2 s are one message."""
    return f"{subject.words} ({number})"


def _is_chat(topic: str, text: str) -> bool:
    return _chat(topic, text) is not None


def _is_plain(topic: str, text: str) -> bool:
    chat = _chat(topic, text)
    return topic == CHAT_TOPIC and chat is not None and not chat.is_json


def _is_older_chat(topic: str, text: str) -> bool:
    chat = _chat(topic, text)
    return topic == OLDER_CHAT_TOPIC and chat is not None and chat.is_json


def _chat(topic: str, text: str) -> ChatPacket | None:
    if topic not in PACKET_TOPICS:
        return None
    found = read_packet(text.encode(), topic)
    return found if isinstance(found, ChatPacket) else None


def _quoted(text: str | None) -> str:
    return f"“{(text or '')[:60]}”"
