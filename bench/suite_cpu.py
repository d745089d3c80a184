"""CPU seconds of each process of a suite, and where its jobs' time goes.

    python -m bench.suite_cpu [RUNS [WITNESSES]]

Not a benchmark with a goal: it shows what limits suite-20.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil

from .suites import suite_command, write_suite

_INTERVAL = 0.1
"""Seconds between two samples: what a process uses after its last one is lost."""


Used = dict[tuple[int, int], tuple[str, str, float]]
"""By process and thread id: kind of process, thread's name, CPU seconds."""


def measure(command: list[str]) -> tuple[float, Used]:
    """Run a command; return its wall time in s, and what each thread of its processes used."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    used: Used = {}
    while process.poll() is None:
        with suppress(psutil.Error):
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            parents = {each.pid: each.ppid() for each in family}
            for each in family:
                with suppress(psutil.Error, OSError):
                    kind = _kind(each, parents, process.pid)
                    for thread in each.threads():
                        name = Path(f"/proc/{each.pid}/task/{thread.id}/comm").read_text().strip()
                        name = "main thread" if thread.id == each.pid else name
                        used[each.pid, thread.id] = (kind, name, thread.user_time + thread.system_time)
        time.sleep(_INTERVAL)
    assert process.returncode == 0, f"{' '.join(command)}: exit code {process.returncode}"
    return time.perf_counter() - began, used


def _kind(process: psutil.Process, parents: dict[int, int], root: int) -> str:
    words = " ".join(process.cmdline())
    if process.pid == root:
        return "cekura-kit (trigger, evaluators, stand-ins)"
    if "guard.py" in words:
        return "guards"
    if "livekit-server" in words or "--config" in words:
        return "livekit-server"
    if "forkserver" in words:
        above = psutil.Process(parents[process.pid])
        return "job processes" if "forkserver" in " ".join(above.cmdline()) else "forkserver"
    if "resource_tracker" in words:
        return "resource tracker"
    return "worker" if "worker.serve" in words or "agent.py" in words else words[:60]


def limit_of(suite: Path) -> str:
    """Run a suite, and say what limits it: the CPU that it needs, by the cores that there are."""
    took, used = measure(suite_command(suite))
    total = sum(seconds for _, _, seconds in used.values())
    cores = os.cpu_count() or 1
    return f"{total:.0f} s of CPU in {took:.0f} s on {cores} cores, which take {total / cores:.1f} s at least"


def main() -> None:
    """Run suite-20 once, ours alone."""
    from .suite_20 import RUNS, TURNS

    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    keys = {"witnesses": int(sys.argv[2])} if len(sys.argv) > 2 else {}
    with tempfile.TemporaryDirectory() as folder:
        suite = write_suite(Path(folder), scenarios=runs, turns=TURNS, **keys)
        took, used = measure(suite_command(suite))
    total = sum(seconds for _, _, seconds in used.values())
    print(f"{runs} runs: {took:.1f} s, {total:.1f} s of CPU, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    threads: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for kind, name, seconds in used.values():
        threads[kind][name.rstrip("0123456789-")] += seconds
    for kind, names in sorted(threads.items(), key=lambda item: -sum(item[1].values())):
        count = len({pid for pid, thread in used if used[pid, thread][0] == kind})
        print(f"{sum(names.values()):7.2f} s  {kind}, {count} in all")
        for name, seconds in sorted(names.items(), key=lambda item: -item[1])[:4]:
            print(f"{seconds:15.2f} s  {name}")


if __name__ == "__main__":
    main()
