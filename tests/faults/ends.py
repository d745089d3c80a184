"""The table of ends: each command at each stage, and each way to end it. ``python -m tests.faults.ends --times 10``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM
from typing import Final

from cekura_agent_kit.counting import counted
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.verdict import Kind
from tests.faults.command import Command
from tests.faults.scene import Scene, Worker, scene_of
from tests.faults.secrecy import Outputs
from tests.faults.stages import STAGES, Stage, rooms
from tests.usual_signals import take_usual_signals

KILLED: Final = 128 + SIGKILL
GUARDS: Final = 10.0
"""Seconds in which guards stop what a killed command had started."""
LIMIT: Final = 20.0
"""Seconds in which a command ends after a signal: `cli.signals.LIMIT`, and what a busy machine adds."""


_HEAD: Final = """
## Ends of a command

Each command, at a stage at which it has something to clean up, and each way to end it: its exit code, and what is left.
Where nothing is named, no process, no room, no run on Cekura and no temporary file is left, and the reports are
written. After SIGKILL, guards stop what the command had started within 10 s, and `cekura-kit sweep` deletes the room
and ends its run. A job process that does not end in time is killed, and then livekit-agents leaves its job's empty
temporary folder behind: seen once in several hundred ends, on an overloaded machine. The tests hold a part of the
table; `python -m tests.faults.ends --times 10` holds all of it.

"""


@dataclass(frozen=True)
class End:
    """One way to end a command.

    Attributes:
        exit_code: of the command.
        end: ends it.
        terminal: the command has a terminal.
    """

    exit_code: int
    end: Callable[[Command], Awaitable[object]]
    terminal: bool = False

    @property
    def cleans_up(self) -> bool:
        """The command can still do something itself."""
        return self.exit_code != KILLED


def _signal(number: signal.Signals) -> Callable[[Command], Awaitable[object]]:
    async def send(running: Command) -> None:
        os.kill(running.process.pid, number)

    return send


def _twice(after: float) -> Callable[[Command], Awaitable[object]]:
    async def send(running: Command) -> None:
        running.send(SIGINT)
        await asyncio.sleep(after)
        if running.process.poll() is None:
            running.send(SIGINT)

    return send


async def _close(running: Command) -> None:
    running.close_terminal()


ENDS: Final[Mapping[str, End]] = {
    "SIGINT": End(128 + SIGINT, _signal(SIGINT)),
    "SIGTERM": End(128 + SIGTERM, _signal(SIGTERM)),
    "SIGHUP": End(128 + SIGHUP, _signal(SIGHUP)),
    "SIGINT twice, 0.02 s": End(128 + SIGINT, _twice(0.02)),
    "SIGINT twice, 0.25 s": End(128 + SIGINT, _twice(0.25)),
    "closed terminal": End(128 + SIGHUP, _close, terminal=True),
    "SIGKILL": End(KILLED, _signal(SIGKILL)),
}


@dataclass(frozen=True)
class Left:
    """Remains of a command.

    Attributes:
        exit_code: as a shell shows it.
        rooms, runs: on the server, and going on on Cekura.
        report: it was written, and says that the suite was stopped.
    """

    exit_code: int
    processes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    rooms: int = 0
    runs: int = 0
    report: bool = False


def expected(stage: Stage, end: End) -> Left:
    """Return what may be left: nothing, but of a killed command its rooms and its runs, for ``sweep``."""
    if end.cleans_up:
        return Left(end.exit_code, report=stage.report)
    return Left(end.exit_code, rooms=stage.rooms, runs=stage.runs)


def document() -> str:
    """Return the table for docs/faults.md."""
    head = f"| | {' | '.join(ENDS)} |\n|{'---|' * (len(ENDS) + 1)}\n"
    rows = (
        f"| {name} | {' | '.join(_cell(expected(stage, end)) for end in ENDS.values())} |\n"
        for name, stage in STAGES.items()
    )
    return _HEAD + head + "".join(rows)


def _cell(left: Left) -> str:
    rest = [counted(number, noun) for number, noun in ((left.rooms, "room"), (left.runs, "run")) if number]
    return f"{left.exit_code}: {', '.join(rest)}" if rest else str(left.exit_code)


async def end_at(stage: Stage, end: End, scene: Scene) -> Left:
    """Bring the command to the stage, end it, and return what is left."""
    async with stage.running(scene, terminal=end.terminal) as running:
        await end.end(running)
        code = await running.ended(LIMIT)
        deadline = time.monotonic() + (0 if end.cleans_up else GUARDS)
        while (left := running.command_lines()) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        if end.cleans_up:
            await _evaluators_left(scene)
        files = [each.name for each in running.temporary.iterdir()] if end.cleans_up else []
        keys = [each.name for each in running.temporary.rglob("livekit.yaml") if each.read_text()]
        return Left(
            exit_code=code,
            processes=tuple(left),
            files=tuple(files + keys),
            rooms=len(await rooms(scene)),
            runs=_going_on(scene),
            report=running.report is not None and running.report.kind is Kind.CANCELLED,
        )


async def _evaluators_left(scene: Scene) -> None:
    """Wait for evaluators that were told to leave: it takes a moment."""
    deadline = time.monotonic() + GUARDS
    while scene.service.requests["ends"] and _going_on(scene) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def _going_on(scene: Scene) -> int:
    return sum(run.status in ("in_queue", "running") for run in scene.service.runs.values())


async def main(times: int, stages: list[str], ends: list[str]) -> int:
    """Hold the whole table so often; print each cell that differs, and the seconds of the others."""
    differing, took = 0, defaultdict[str, list[float]](list)
    with tempfile.TemporaryDirectory(prefix="ends-") as folder:
        async with await LiveKitServer.running() as livekit:
            worker = await asyncio.to_thread(Worker, livekit, Path(folder))
            try:
                await asyncio.to_thread(worker.wait_until_registered)
                for number in range(times):
                    for name in stages:
                        for how in ends:
                            place = Path(tempfile.mkdtemp(prefix="end-", dir=folder))
                            began = time.monotonic()
                            found = await _tried(name, how, livekit, worker, place)
                            took[name].append(time.monotonic() - began)
                            differing += bool(found)
                            if found:
                                print(f"{number + 1}. {name} | {how}: {found}", flush=True)
            finally:
                worker.stop()
    for name, seconds in took.items():
        print(f"{name:<36} {len(seconds)} ends, {sum(seconds) / len(seconds):.1f} s each")
    print(f"{sum(map(len, took.values()))} ends, {differing} left something")
    return min(differing, 1)


async def _tried(name: str, how: str, livekit: LiveKitServer, worker: Worker, folder: Path) -> str:
    """Return how one cell of the table differs; empty if it holds."""
    stage, end = STAGES[name], ENDS[how]
    try:
        async with scene_of(livekit, worker, Outputs(), folder) as scene:
            left = await end_at(stage, end, scene)
    except Exception as error:  # noqa: BLE001 - the other cells are tried all the same
        return f"{type(error).__name__}: {error}"
    return "" if left == expected(stage, end) else f"left {left}, expected {expected(stage, end)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults.ends", description=__doc__)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--stage", choices=STAGES, action="append")
    parser.add_argument("--end", choices=ENDS, action="append")
    given = parser.parse_args()
    take_usual_signals()
    sys.exit(asyncio.run(main(given.times, given.stage or list(STAGES), given.end or list(ENDS))))
