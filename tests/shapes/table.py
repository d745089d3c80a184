"""Measures every shape, in memory and on a real server, and writes docs/shapes.md: ``python -m tests.shapes.table``."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from cekura_agent_kit.contract import PROOF_ATTRIBUTE, TEXT_ONLY
from cekura_agent_kit.rehearsal.room import MemoryRoom
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.sandbox.server_binary import VERSION
from tests.agent.workers import Worker, dispatched
from tests.rehearsal.in_memory import PATIENCE, in_memory
from tests.shapes import SHAPES, Shape
from tests.shapes.models import CALLS

PAGE = Path(__file__).parents[2] / "docs" / "shapes.md"


@dataclass
class Seen:
    """One shape in one place, with one kind of evaluator."""

    answered: bool = False
    proven: bool = False
    speech_calls: int = 0
    audio_tracks: int = 0
    first_reply: float = field(default=float("nan"))

    def __str__(self) -> str:
        words = f"{self.first_reply:.3f} s" if self.answered else "**not answered**"
        if not self.proven:
            words += ", **no proof**"
        if self.speech_calls or self.audio_tracks:
            words += f", **{self.speech_calls} calls, {self.audio_tracks} tracks**"
        return words


async def on_the_server(worker: Worker, name: str, shape: Shape, *, waits: bool) -> Seen:
    calls = len(worker.speech_calls)
    async with dispatched(worker, {"text_mode": True, "shape": name}) as run:
        attributes = await run.until(lambda attributes: "cekura.mode" in attributes)
        if name != "wait_for_participant":
            attributes = await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
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
            return Seen(
                answered=evaluator.heard == [*shape.hear, *shape.answer],
                proven=attributes[PROOF_ATTRIBUTE] == TEXT_ONLY,
                speech_calls=len(worker.speech_calls) - calls,
                audio_tracks=len(evaluator.audio_tracks),
                first_reply=evaluator.at[0],
            )


async def in_the_memory(shape: Shape, *, waits: bool) -> Seen:
    calls = len(CALLS)
    async with in_memory(shape.entrypoint) as room:
        caller = room.join("evaluator", announced=waits)
        joined = time.monotonic()
        first: list[float] = []

        def heard(words: str) -> bool:
            if caller.heard and not first:
                first.append(time.monotonic() - joined)
            return words in caller.heard

        if waits:
            for words in shape.hear:
                await until(room, lambda words=words: heard(words))
            caller.say(shape.say)
        else:
            caller.say(shape.say)
            await room.delivered()
            caller.announce()
        await until(room, lambda: heard(shape.answer[-1]) and all(text.closed for text in caller.texts))
        await until(room, lambda: room.attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY)
        return Seen(
            answered=caller.heard == [*shape.hear, *shape.answer],
            proven=True,
            speech_calls=len(CALLS) - calls,
            audio_tracks=len(room.local_participant.track_publications),
            first_reply=first[0],
        )


async def until(room: MemoryRoom, condition: object) -> None:
    await room.until(condition, timeout=PATIENCE)  # type: ignore[arg-type]


async def measure() -> tuple[dict[str, list[Seen]], bool]:
    rows: dict[str, list[Seen]] = {}
    async with await LiveKitServer.running(print) as server:
        with tempfile.TemporaryDirectory() as folder:
            worker = Worker("tests.shapes.worker", server, Path(folder))
            try:
                await asyncio.to_thread(worker.wait_until_registered)
                # Once before the first: what a job loads on first need is loaded then.
                await on_the_server(worker, "plain", SHAPES["plain"], waits=True)
                for name, shape in SHAPES.items():
                    rows[name] = [
                        await in_the_memory(shape, waits=False),
                        await in_the_memory(shape, waits=True),
                        await on_the_server(worker, name, shape, waits=False),
                        await on_the_server(worker, name, shape, waits=True),
                    ]
                    print(name, *rows[name], sep=" | ", file=sys.stderr)
            finally:
                await asyncio.to_thread(worker.stop)
    good = all(
        seen.answered and seen.proven and not seen.speech_calls and not seen.audio_tracks
        for row in rows.values()
        for seen in row
    )
    return rows, good


def page(rows: dict[str, list[Seen]]) -> str:
    columns = list(zip(*rows.values(), strict=True))
    cells = [seen for row in rows.values() for seen in row]
    versions = ", ".join(f"{name} {version(name)}" for name in ("livekit-agents", "livekit"))
    lines = [
        "# Shapes of agents in text mode",
        "",
        f"Written by `python -m tests.shapes.table`, with {versions} and livekit-server {VERSION},",
        "an instant LLM, and speech models that raise when they are called. The shapes are in",
        "`tests/shapes/agents.py`. A cell is the time from the evaluator's join to the agent's first words. Each",
        "conversation went as it should, and each session was proven to be text, unless the cell says otherwise.",
        "*At once*: the evaluator speaks before the agent knows of it.",
        "",
        f"- answered: {sum(seen.answered for seen in cells)} of {len(cells)}",
        f"- calls into speech models: {sum(seen.speech_calls for seen in cells)}",
        f"- audio tracks: {sum(seen.audio_tracks for seen in cells)}",
        "",
        "| shape | in memory, at once | in memory, waits | real server, at once | real server, waits |",
        "|---|---|---|---|---|",
        *(f"| {name} | " + " | ".join(map(str, row)) + " |" for name, row in rows.items()),
        "| **median** | " + " | ".join(f"{statistics.median(s.first_reply for s in c):.3f} s" for c in columns) + " |",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    measured, all_good = asyncio.run(measure())
    PAGE.write_text(page(measured))
    sys.exit(not all_good)
