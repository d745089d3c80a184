"""One conversation with a shape, in memory or on a real server, and what was seen of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from cekura_agent_kit.contract import ERROR_ATTRIBUTE, PROOF_ATTRIBUTE, TEXT_ONLY
from cekura_agent_kit.rehearsal.room.room import MemoryRoom
from tests.agent.workers import Run, Worker, dispatched
from tests.rehearsal.in_memory import PATIENCE, in_memory

from .agents import Shape
from .models import CALLS


@dataclass
class Seen:
    """One shape in one place, with one kind of evaluator.

    Attributes:
        heard: the agent's words, one text a segment.
        proven: the session was proven to be text.
        error: by which text mode refused it.
        speech_calls, audio_tracks: numbers of what must not be; the calls are counted where no other shape runs.
        first_reply: seconds from the evaluator's join to the agent's first words.
    """

    heard: list[str] = field(default_factory=list)
    proven: bool = False
    error: str = ""
    speech_calls: int = 0
    audio_tracks: int = 0
    first_reply: float | None = None

    def faults(self, shape: Shape) -> list[str]:
        """Describe what is not as it should be."""
        found = []
        if shape.refused:
            found += [] if shape.refused in self.error else ["not refused by name"]
        else:
            found += [] if self.heard == [*shape.hear, *shape.answer] else [f"not answered: {self.heard}"]
            found += [] if self.proven else ["no proof"]
            found += [self.error] if self.error else []
        found += [f"{self.speech_calls} calls into speech models"] if self.speech_calls else []
        return found + ([f"{self.audio_tracks} audio tracks"] if self.audio_tracks else [])


async def on_the_server(worker: Worker, name: str, shape: Shape, *, waits: bool) -> Seen:
    """Talk with the shape on a real server; the evaluator is announced as a trigger does it."""
    async with dispatched(worker, {"text_mode": True, "shape": name}) as run:
        if shape.refused:
            return Seen(error=(await run.refusal())[ERROR_ATTRIBUTE])
        await run.until(lambda attributes: "cekura.mode" in attributes)
        proven = False
        if shape.ends:
            # Its attributes leave with it.
            proven = await _proven(run)
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
            return Seen(
                heard=evaluator.heard,
                proven=proven or await _proven(run),
                audio_tracks=len(evaluator.audio_tracks),
                first_reply=evaluator.at[0],
            )


async def _proven(run: Run) -> bool:
    attributes = await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
    return attributes[PROOF_ATTRIBUTE] == TEXT_ONLY


async def in_the_memory(shape: Shape, *, waits: bool) -> Seen:
    """Talk with the shape in memory; one that waits is announced before it speaks."""
    calls = len(CALLS)
    async with in_memory(shape.entrypoint, fails=bool(shape.refused)) as room:
        if shape.refused:
            await _until(room, lambda: ERROR_ATTRIBUTE in room.attributes)
            return Seen(error=room.attributes[ERROR_ATTRIBUTE], speech_calls=len(CALLS) - calls)
        caller = room.join("evaluator", announced=waits)
        joined = time.monotonic()
        first: list[float] = []

        def heard(words: str) -> bool:
            if caller.heard and not first:
                first.append(time.monotonic() - joined)
            return words in caller.heard

        if waits:
            for words in shape.hear:
                await _until(room, lambda words=words: heard(words))
            caller.say(shape.say)
        else:
            caller.say(shape.say)
            await room.delivered()
            caller.announce()
        await _until(room, lambda: heard(shape.answer[-1]) and all(text.closed for text in caller.texts))
        await _until(room, lambda: PROOF_ATTRIBUTE in room.attributes)
        return Seen(
            heard=caller.heard,
            proven=room.attributes[PROOF_ATTRIBUTE] == TEXT_ONLY,
            speech_calls=len(CALLS) - calls,
            audio_tracks=len(room.local_participant.track_publications) if room.isconnected() else 0,
            first_reply=first[0],
        )


async def _until(room: MemoryRoom, condition: object) -> None:
    await room.until(condition, timeout=PATIENCE)  # type: ignore[arg-type]
