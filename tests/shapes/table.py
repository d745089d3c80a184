"""Measures every shape, in memory and on a real server, and writes docs/shapes.md: ``python -m tests.shapes.table``.

With ``--row``, in the environment of another livekit-agents (`tests.matrix` makes them), only this version's row of
"Other versions" is written.
"""

from __future__ import annotations

import asyncio
import platform
import re
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.sandbox.server_binary import VERSION
from tests.agent.workers import Worker
from tests.shapes import SHAPES, Shape
from tests.shapes.talks import Seen, in_the_memory, on_the_server

PAGE = Path(__file__).parents[2] / "docs" / "shapes.md"
OTHERS = """
## Other versions

Each row by `python -m tests.shapes.table --row` in an environment of `make matrix`; the same four conversations.

| livekit-agents | Python | conversations | answered, or refused by name | calls into speech models | failed |
|---|---|---|---|---|---|
"""


def cell(shape: Shape, seen: Seen) -> str:
    """Return what a cell of the table says."""
    if found := seen.faults(shape):
        return f"**{', '.join(found)}**"
    return "refused by name" if shape.refused else f"{seen.first_reply:.3f} s"


async def measure() -> tuple[dict[str, list[Seen]], int]:
    """Return what was seen of each shape, and the number of calls into speech models on the server."""
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
                    print(name, *(cell(shape, seen) for seen in rows[name]), sep=" | ", file=sys.stderr)
            finally:
                await asyncio.to_thread(worker.stop)
            return rows, len(worker.speech_calls)


def median(column: tuple[Seen, ...]) -> str:
    """Return the median time to the first words."""
    return f"{statistics.median(each.first_reply for each in column if each.first_reply is not None):.3f} s"


def pairs_of(rows: dict[str, list[Seen]]) -> list[tuple[Shape, Seen]]:
    return [(SHAPES[name], seen) for name, row in rows.items() for seen in row]


def row_of_this_version(rows: dict[str, list[Seen]], calls_on_the_server: int) -> str:
    pairs = pairs_of(rows)
    bad = {name: row for name, row in rows.items() if any(seen.faults(SHAPES[name]) for seen in row)}
    cells = [
        version("livekit-agents"),
        platform.python_version(),
        len(pairs),
        sum(not seen.faults(shape) for shape, seen in pairs),
        calls_on_the_server + sum(seen.speech_calls for _, seen in pairs),
        "; ".join(f"{name}: {', '.join(cell(SHAPES[name], seen) for seen in row)}" for name, row in bad.items()),
    ]
    return "| " + " | ".join(map(str, cells)) + " |\n"


def write(written: str, *, own_row: bool) -> None:
    """Write the page anew, or one row of its other versions. Rows of other versions stay."""
    main_part, _, others = PAGE.read_text().partition(OTHERS)
    if own_row:
        others = "".join(
            line for line in others.splitlines(True) if not line.startswith(written[: written.index("|", 2)])
        )
        lines = sorted(
            [*others.splitlines(True), written], key=lambda line: [int(n) for n in re.findall(r"\d+", line)[:3]]
        )
        PAGE.write_text(main_part + OTHERS + "".join(lines))
    else:
        PAGE.write_text(written + OTHERS + others)


def page(rows: dict[str, list[Seen]], calls_on_the_server: int) -> str:
    """Return the page without its other versions."""
    columns = list(zip(*rows.values(), strict=True))
    pairs = pairs_of(rows)
    good = sum(not seen.faults(shape) for shape, seen in pairs)
    refused = sum(bool(shape.refused) for shape, _ in pairs)
    calls = calls_on_the_server + sum(seen.speech_calls for _, seen in pairs)
    versions = ", ".join(f"{name} {version(name)}" for name in ("livekit-agents", "livekit"))
    lines = [
        "# Shapes of agents in text mode",
        "",
        f"Written by `python -m tests.shapes.table`, with {versions} and livekit-server {VERSION},",
        "an instant LLM, and speech models that raise when they are called. The shapes are in `tests/shapes`. A cell",
        "is the time from the evaluator's join to the agent's first words. Each conversation went as it should, and",
        "each session was proven to be text, unless the cell says otherwise. *Refused by name*: text mode cannot run",
        "this agent, and the error says why. *At once*: the evaluator speaks before the agent knows of it.",
        "",
        "[text-mode.md](text-mode.md) says what text mode does with each feature of an agent.",
        "",
        f"- shapes: {len(rows)}",
        f"- answered, or refused by name: {good} of {len(pairs)} conversations, {refused} of them refused",
        f"- calls into speech models: {calls}",
        f"- audio tracks: {sum(seen.audio_tracks for _, seen in pairs)}",
        "",
        "| shape | in memory, at once | in memory, waits | real server, at once | real server, waits |",
        "|---|---|---|---|---|",
        *(f"| {name} | " + " | ".join(cell(SHAPES[name], seen) for seen in row) + " |" for name, row in rows.items()),
        "| **median** | " + " | ".join(median(column) for column in columns) + " |",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    rows, calls = asyncio.run(measure())
    own_row = "--row" in sys.argv
    write(row_of_this_version(rows, calls) if own_row else page(rows, calls), own_row=own_row)
    return bool(calls or any(seen.faults(SHAPES[name]) for name, row in rows.items() for seen in row))


if __name__ == "__main__":
    sys.exit(main())
