"""500 runs watched by one trigger, against 50: what the command `cekura-kit run` takes of the machine.

The runs are stand-ins (`bench.crowd`, in a process of its own), since no machine carries 500 agents; the requests,
their answers and the budget for them are real. The talks last as long with 50 as with 500. A run's part is counted
beyond a suite of one run, so that starting the command counts for neither.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .measure import KIT, Figure, used_by
from .suites import ROOT, write_yaml

MANY, FEW = 500, 50
REPEATED = 10
"""Runs of each scenario: as many POSTs."""
REQUESTS = 10
"""A run, to LiveKit and Cekura together."""
RARE = 0.2
"""Requests a run, below which a route is not named."""
BESIDE_HTTPX = 1.5
"""Times the CPU of a bare client that sends the same requests."""
TALK = 20.0
"""Seconds of each talk: long enough that all are held at the same time."""


@dataclass(frozen=True)
class Used:
    """Cost of a suite: of the processor in seconds, of memory at its peak in MB, and by the clock in seconds."""

    cpu: float
    memory: float
    wall: float
    routes: Counter[str]

    @property
    def cores(self) -> float:
        return self.cpu / self.wall

    @property
    def requests(self) -> int:
        return self.routes.total()


def bench(*, short: bool) -> list[Figure]:
    """One suite each: processor time needs no median."""
    many, few, talk = (4, 2, 0.2) if short else (MANY, FEW, TALK)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        one, some, all_of_them = (_watch(runs, talk, folder) for runs in (1, few, many))
        bare = _bare(many, talk, folder) / many
    ours, peer = (all_of_them.cpu - one.cpu) / (many - 1), (some.cpu - one.cpu) / (few - 1)
    name = f"watch-{many}"
    note = f"against {few} runs"
    return [
        Figure(
            name=f"{name}: CPU a run",
            ours=ours * 1000,
            peer=peer * 1000,
            ratio=ours / peer,
            unit="ms",
            goal="<= 1 (linear)",
            met=ours <= peer,
            note=note,
        ),
        Figure(
            name=f"{name}: cores",
            ours=all_of_them.cores,
            peer=some.cores,
            ratio=all_of_them.cores / some.cores,
            unit="cores",
            goal="< 1 core",
            met=all_of_them.cores < 1,
            note=f"{all_of_them.cpu:.1f} s of CPU in {all_of_them.wall:.1f} s; {note}",
        ),
        Figure(
            name=f"{name}: memory",
            ours=all_of_them.memory,
            peer=some.memory,
            ratio=all_of_them.memory / some.memory,
            unit="MB",
            goal="< 300 MB",
            met=all_of_them.memory < 300,
            note=note,
        ),
        Figure(
            name=f"{name}: beside httpx",
            ours=ours * 1000,
            peer=bare * 1000,
            ratio=ours / bare,
            unit="ms",
            goal=f"<= {BESIDE_HTTPX}",
            met=ours <= BESIDE_HTTPX * bare,
            note="CPU a run; against the same requests sent by a bare client",
        ),
        Figure(
            name=f"{name}: requests",
            ours=all_of_them.requests / many,
            peer=None,
            unit="a run",
            goal=f"<= {REQUESTS}",
            met=all_of_them.requests / many <= REQUESTS,
            note=_by_route(all_of_them.routes, many),
        ),
        Figure(
            name=f"{name}: requests of {few}",
            ours=some.requests / few,
            peer=None,
            unit="a run",
            goal="",
            met=None,
            note=_by_route(some.routes, few),
        ),
    ]


def _by_route(routes: Counter[str], runs: int) -> str:
    """Return the requests a run, the most frequent first; routes of few requests in one sum."""
    rare = sum(count for count in routes.values() if count < RARE * runs)
    common = [f"{route} {count / runs:.2f}" for route, count in routes.most_common() if count >= RARE * runs]
    return ", ".join([*common, f"others {rare / runs:.2f}"])


def _watch(runs: int, talk: float, folder: Path) -> Used:
    repeated = min(REPEATED, runs)
    scenarios = runs // repeated
    suite = {
        "agent_name": "bench",
        "concurrency": runs,
        # A witness is a participant, and there is no room here that it could join.
        "witnesses": 0,
        "mode": "voice",
        "runs": [{"scenario": each + 1, "repeat": repeated} for each in range(scenarios)],
    }
    file = write_yaml(folder / "cekura.yaml", suite)
    with _crowd(scenarios, talk, folder / "recording") as (environment, told):
        took = used_by(KIT, "run", str(file), environment=environment)
    return Used(**took, routes=Counter(told["routes"]))


def _bare(runs: int, talk: float, folder: Path) -> float:
    """Send what the last suite of the folder sent; return the seconds of CPU."""
    recorded = (folder / "recording").rename(folder / "recorded")
    with _crowd(runs // min(REPEATED, runs), talk, folder / "recording") as (environment, told):
        command = [sys.executable, "-m", "bench.bare_client", str(recorded)]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
    sent = json.loads(done.stdout)
    assert sent["requests"] == sum(told["routes"].values()), f"{sent} were sent, {told['routes']} came"
    return float(sent["cpu"])


@contextmanager
def _crowd(scenarios: int, talk: float, recording: Path) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Start a crowd. Gives its environment and, filled in the end, the requests that came."""
    crowd = subprocess.Popen(
        [sys.executable, "-m", "bench.crowd", str(scenarios), str(talk), str(recording)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert crowd.stdout is not None
    told: dict[str, Any] = {}
    try:
        yield json.loads(crowd.stdout.readline()), told
        told |= json.loads(crowd.communicate()[0])
    finally:
        crowd.kill()
        crowd.wait()
    assert told["rooms_left"] == 0, f"{told['rooms_left']} rooms were left behind"
