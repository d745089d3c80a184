"""What every benchmark gives, and how it is measured: interleaved, warmed up, by medians."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass


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
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return self.ours / self.peer if self.peer else None

    def line(self) -> str:
        """`NAME ours peer ratio goal`."""
        peer = f"{self.peer:.4g} {self.unit}" if self.peer is not None else "-"
        ratio = f"{self.ratio:.3g}" if self.ratio is not None else "-"
        met = {True: "met", False: "NOT MET", None: "shown"}[self.met]
        note = f"  # {self.note}" if self.note else ""
        return f"{self.name:<34} {self.ours:.4g} {self.unit:<8} {peer:<14} {ratio:<8} {self.goal} [{met}]{note}"

    def as_dict(self) -> dict[str, object]:
        """For the JSON file."""
        return asdict(self) | {"ratio": self.ratio}


def interleaved(ways: Sequence[Callable[[], float]], *, repeats: int) -> list[float]:
    """The median of what each way gives, the ways in turn, after one round that does not count.

    In turn, since the speed of a shared machine drifts: what drifts, drifts for all.
    """
    rounds = [[way() for way in ways] for _ in range(repeats + 1)][1:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


async def interleaved_async(ways: Sequence[Callable[[], Awaitable[float]]], *, repeats: int) -> list[float]:
    """`interleaved`, for coroutines."""
    rounds = [[await way() for way in ways] for _ in range(repeats + 1)][1:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def process_seconds(*command: str, cwd: str | None = None) -> float:
    """Wall seconds of a whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=cwd)
    return time.perf_counter() - start
