"""suite-20 with fixed numbers of runs at a time, and with `concurrency: auto`: seconds from the command to the report.

    python -m bench.concurrency [--rounds 3] [--runs 20]

The ways run in turn, and every second round in the opposite order. Prints each time with the machine's load, and the
medians. Not a benchmark with a goal in bench/README.md: what is best depends on the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

from .suite_20 import RUNS, TURNS
from .suites import run_suite, write_suite

WAYS: Final[tuple[int | str, ...]] = (1, 2, 4, 8, 16, "auto")
NOISE: Final = 1.1
"""Times the best median that still equals it."""


def main() -> int:
    """Return 0 where auto equals the best fixed number, or is faster."""
    parser = argparse.ArgumentParser(prog="python -m bench.concurrency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    took: dict[int | str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for way in WAYS if number % 2 == 0 else WAYS[::-1]:
                suite = write_suite(Path(folder), scenarios=options.runs, turns=TURNS, concurrency=way)
                seconds, report = run_suite(suite)
                took[way].append(seconds)
                said = next((note for note in report["notes"] if note.startswith("concurrency")), f"concurrency {way}")
                print(f"{number + 1}  {seconds:6.1f} s  load {os.getloadavg()[0]:5.1f}  {said}", flush=True)
    medians = {way: statistics.median(times) for way, times in took.items()}
    best = min((median, way) for way, median in medians.items() if way != "auto")
    print("\nmedians: " + ", ".join(f"{way}: {median:.1f} s" for way, median in medians.items()))
    ratio = medians["auto"] / best[0]
    met = ratio <= NOISE
    print(f"auto takes {ratio:.2f} times as long as the best fixed number, {best[1]}: {'met' if met else 'NOT MET'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
