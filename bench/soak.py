"""Growth under many runs: memory, file descriptors, threads, tasks and rooms, after a warm-up and at the end.

    python -m bench.soak [--runs 2000] [--suites 200] [--concurrency 4]

Two parts. First one suite of that many text runs, through one trigger, one worker and one livekit-server; this process
is trigger and sandbox, as with `cekura-kit run --sandbox`. Then as many suites one after another in one process,
against stand-ins that make no room. Not a benchmark: nothing is timed. The exit code is 1 if something grows that
should not.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import shlex
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from aiohttp import web_app

from cekura_agent_kit.cli import signals
from cekura_agent_kit.sandbox import Sandbox
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.progress import Event, Finished
from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.service import LiveKit
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.trigger.suite_run import SuiteRun
from cekura_agent_kit.verdict import Outcome, SuiteVerdict
from tests.hosted import hosted

from .suites import write_suite

SCENARIOS: Final = 20
"""Of which a run each is in a POST at most."""
WARM_UP: Final = 0.1
"""Share of the runs, or suites, after which the first figures are read."""
WINDOW: Final = 0.1
"""Share of them over which figures are read: one reading alone shows what happens to be in flight."""
INTERVAL: Final = 1.0
"""Seconds between two readings."""
SLACK: Final = {"file descriptors": 40, "threads": 20, "tasks": 10, "rooms": 2, "processes": 2}
"""Difference that is no growth."""
MEMORY: Final = {"trigger and sandbox": 150.0, "worker": 10.0, "livekit-server": 150.0, "suites": 60.0}
"""kB that a run, or a suite, may leave. The trigger keeps each run's verdict and transcript for the report, the sandbox
each run for its API; Go's collector returns memory late."""

Reading = dict[tuple[str, str], float]
"""A value by process and figure."""


@dataclass
class Readings:
    """Figures, read again and again; each with the number of runs, or suites, that had ended."""

    of: int
    read: list[tuple[int, Reading]] = field(default_factory=list)

    def add(self, ended: int, reading: Reading) -> None:
        """Add a reading."""
        self.read.append((ended, reading))

    def growth(self) -> list[tuple[str, str, float, float]]:
        """Return process, figure, and its value after the warm-up and at the end."""
        first, last = self._window(WARM_UP), self._window(1 - WINDOW)
        keys = [key for key in self.read[-1][1] if all(any(key in each for each in part) for part in (first, last))]
        return [(*key, _value(first, key), _value(last, key)) for key in keys]

    def _window(self, begin: float) -> list[Reading]:
        found = [read for ended, read in self.read if begin <= ended / self.of <= begin + WINDOW]
        assert found, f"nothing was read between {begin:.0%} and {begin + WINDOW:.0%} of the {self.of}: ask for more"
        return found


def _value(readings: Sequence[Reading], key: tuple[str, str]) -> float:
    """Return the median of memory, and the least of what comes and goes with the runs in flight: the native client
    frees the threads and file descriptors of a room seconds after it was left."""
    found = [each[key] for each in readings if key in each]
    return statistics.median(found) if key[1].startswith("memory") else min(found)


def figures_of(name: str, process: psutil.Process) -> Reading:
    """Read what a process has of its operating system."""
    with process.oneshot():
        return {
            (name, "memory, MB"): process.memory_info().rss / 2**20,
            (name, "file descriptors"): process.num_fds(),
            (name, "threads"): process.num_threads(),
        }


class RunSoak:
    """One suite of many runs, read while it runs."""

    def __init__(self, runs: int, concurrency: int, folder: Path) -> None:
        self._runs, self._folder = runs, folder
        agent = shlex.quote(str(Path(__file__).with_name("soak_agent.py")))
        entries = [{"scenario": each, "repeat": runs // SCENARIOS} for each in range(1, SCENARIOS + 1)]
        self._file = write_suite(
            folder,
            scenarios=SCENARIOS,
            turns=1,
            runs=entries,
            worker=agent,
            concurrency=concurrency,
            agent_timeout="60s",
        )
        self._ended = 0
        self._tasks_file = folder / "tasks"
        self.readings = Readings(runs)

    async def run(self) -> SuiteVerdict:
        """Make all runs, and read figures meanwhile."""
        suite = Suite.load(self._file)
        async with Sandbox(suite.scenarios_file, say=lambda text: print(f"# {text}", flush=True)) as sandbox:
            settings = Settings.model_validate({k.lower(): v for k, v in sandbox.environment.items() if _is_setting(k)})
            environment = os.environ | sandbox.environment | {"CEKURA_SOAK": str(self._tasks_file)}
            run = SuiteRun(suite, settings=settings, on_event=self._on_event, environment=environment)
            async with LiveKit(settings, Budget(100)) as livekit:
                reading = asyncio.create_task(self._read(livekit))
                try:
                    return await run.run()
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Finished):
            self._ended += 1
            if self._ended % max(self._runs // 10, 1) == 0:
                print(f"# {time.strftime('%H:%M:%S')} {self._ended} of {self._runs} runs", flush=True)

    async def _read(self, livekit: LiveKit) -> None:
        while True:
            with suppress(psutil.Error, OSError):
                self.readings.add(self._ended, await self._reading(livekit))
            await asyncio.sleep(INTERVAL)

    async def _reading(self, livekit: LiveKit) -> Reading:
        family = psutil.Process().children(recursive=True)
        words = {each: " ".join(each.cmdline()) for each in family}
        found = {("all", "processes"): float(len(family)), ("all", "rooms"): float(len(await livekit.rooms()))}
        found |= figures_of("trigger and sandbox", psutil.Process())
        found["trigger and sandbox", "tasks"] = len(asyncio.all_tasks())
        found["trigger and sandbox", "objects"] = len(gc.get_objects())
        for process, line in words.items():
            if "guard.py" in line:
                continue
            if "cekura_agent_kit.worker.serve" in line:
                found |= figures_of("worker", process)
                if self._tasks_file.exists():
                    found["worker", "tasks"] = float(self._tasks_file.read_text() or "nan")
                if self._ended:
                    process.send_signal(signal.SIGUSR2)
            elif "--config" in line:
                found |= figures_of("livekit-server", process)
            elif "forkserver" in line and "serve" in " ".join(process.parent().cmdline()):
                found |= figures_of("forkserver", process)
        return found


def soak_suites(suites: int) -> Readings:
    """Run that many suites in this process, each against stand-ins of its own."""
    readings = Readings(suites)
    for ended in range(1, suites + 1):
        with hosted([1, 2, 3]) as services:
            done = services.run([1, 2, 3], unscored="warn")
        assert done.code == 0, done.printed
        # aiohttp keeps up to 1,024 applications in a cache: the stand-ins' here, which no suite on Cekura has.
        getattr(web_app, "_cached_build_middleware").cache_clear()  # noqa: B009 - private, and not typed
        gc.collect()
        readings.add(ended, figures_of("suites", psutil.Process()) | {("suites", "objects"): len(gc.get_objects())})
        if ended % max(suites // 10, 1) == 0:
            print(f"# {time.strftime('%H:%M:%S')} {ended} of {suites} suites", flush=True)
    return readings


def _is_setting(name: str) -> bool:
    return name in {"CEKURA_API_KEY", "CEKURA_API_URL", "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"}


def show(readings: Readings, unit: str) -> bool:
    """Print a table; return True if nothing grows that should not."""
    flat = True
    share = 1 - WINDOW - WARM_UP
    print(f"\n{'process':<22}{'figure':<18}{'start':>10}{'end':>10}  ")
    for name, figure, first, last in readings.growth():
        grown = last - first
        said = ""
        if figure.startswith("memory"):
            each = 1024 * grown / (readings.of * share)
            limit = MEMORY.get(name)
            fits = limit is None or each <= limit
            said = f"{each:.1f} kB a {unit}" + ("" if fits else f", more than {limit:g}")
        else:
            fits = figure not in SLACK or grown <= SLACK[figure]
            said = "flat" if fits and figure in SLACK else f"{grown / (readings.of * share):.2f} a {unit}"
        flat = flat and fits
        print(f"{name:<22}{figure:<18}{first:>10.1f}{last:>10.1f}  {said}{'' if fits else '  GROWS'}", flush=True)
    return flat


def outcomes(verdict: SuiteVerdict) -> Mapping[Outcome, int]:
    """Return the number of runs by outcome."""
    return {each: sum(run.outcome is each for run in verdict.runs) for each in Outcome}


async def _main(options: argparse.Namespace) -> int:
    flat = True
    if options.runs:
        with tempfile.TemporaryDirectory() as folder:
            soak = RunSoak(options.runs // SCENARIOS * SCENARIOS, options.concurrency, Path(folder))
            verdict = await soak.run()
        counts = ", ".join(f"{count} {outcome.value}" for outcome, count in outcomes(verdict).items() if count)
        print(f"\n{len(verdict.runs)} runs in {verdict.duration_s:.0f} s: {counts}; rooms left: {verdict.rooms_left}")
        for run in verdict.runs:
            if run.outcome is not Outcome.PASSED:
                print(f"  {run.case} {run.outcome}: {run.reason}")
        flat = show(soak.readings, "run") and not verdict.rooms_left
    return 0 if flat else 1


def main() -> int:
    """Exit code 0 if everything is flat."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="text runs in one suite; 0: none")
    parser.add_argument("--suites", type=int, default=200, help="suites in one process; 0: none")
    parser.add_argument("--concurrency", type=int, default=4)
    options = parser.parse_args()
    code = signals.run(_main(options)) if options.runs else 0
    if options.suites:
        code |= not show(soak_suites(options.suites), "suite")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
