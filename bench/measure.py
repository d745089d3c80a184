"""Measurement of every benchmark: interleaved, warmed up, by medians."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table: ours beside what a user would pick instead, both from this run."""

    name: str
    ours: float
    peer: float | None
    unit: str
    goal: str
    met: bool | None
    """None where there is no goal, only a figure to show."""
    ratio: float | None = None
    """Ours over the peer's: the median of the rounds' ratios where there were rounds."""
    note: str = ""

    def line(self) -> str:
        """`NAME ours peer ratio goal`."""
        peer = f"{self.peer:.4g} {self.unit}" if self.peer is not None else "-"
        ratio = f"{self.ratio:.3g}" if self.ratio is not None else "-"
        met = {True: "met", False: "NOT MET", None: "shown"}[self.met]
        note = f"  # {self.note}" if self.note else ""
        return f"{self.name:<34} {self.ours:.4g} {self.unit:<8} {peer:<14} {ratio:<8} {self.goal} [{met}]{note}"


@dataclass(frozen=True)
class Rounds:
    """Results of each way, round by round; a round holds all ways, measured within seconds of each other."""

    rounds: list[tuple[float, ...]]

    def median(self, way: int) -> float:
        """Return the result of the way."""
        return statistics.median(each[way] for each in self.rounds)

    def ratio(self, way: int, other: int) -> float:
        """One way over another: the median of the rounds' ratios, which drifts less than the ratio of the medians."""
        return statistics.median(each[way] / each[other] for each in self.rounds)

    def difference(self, way: int, other: int) -> float:
        """Return by how much one way gives more than another: the median of the rounds' differences."""
        return statistics.median(each[way] - each[other] for each in self.rounds)


def interleaved(ways: Sequence[Callable[[], float]], *, repeats: int) -> Rounds:
    """The ways in turn, after one round that does not count.

    In turn, since the speed of a shared machine drifts: what drifts, drifts for all.
    """
    return Rounds([tuple(way() for way in ways) for _ in range(repeats + 1)][1:])


async def interleaved_async(ways: Sequence[Callable[[], Awaitable[float]]], *, repeats: int) -> Rounds:
    """`interleaved`, for coroutines."""
    return Rounds([tuple([await way() for way in ways]) for _ in range(repeats + 1)][1:])


KIT = str(Path(sys.executable).with_name("cekura-kit"))
"""The command, of this environment."""


def process_seconds(*command: str, cwd: str | None = None, env: dict[str, str] | None = None) -> float:
    """Wall seconds of a whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=cwd, env=env)
    return time.perf_counter() - start


def used_by(
    *command: str, environment: Mapping[str, str] | None = None, codes: Collection[int] = (0,)
) -> dict[str, float]:
    """Run a command; return what it took: ``cpu`` and ``wall`` in seconds, ``memory`` in MB at its peak.

    Args:
        command: its program and arguments.
        environment: variables beside this process's own.
        codes: exit codes that are no failure.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.usage", *command],
        cwd=Path(__file__).parents[1],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in codes, f"exit code {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    took: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return took
