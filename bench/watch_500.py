"""500 runs watched by one trigger, against 50: what the command `cekura-kit run` takes of the machine.

The runs are stand-ins (`bench.crowd`, in a process of its own), since no machine carries 500 agents; the requests,
their answers and the budget for them are real. The talks last as long with 50 as with 500. A run's part is counted
beyond a suite of one run, so that starting the command counts for neither.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .measure import KIT, Figure, used_by
from .suites import ROOT, write_yaml

MANY, FEW = 500, 50
REPEATED = 10
"""Runs of each scenario: as many POSTs."""
REQUESTS = 10
"""A run, to LiveKit and Cekura together."""
TALK = 20.0
"""Seconds of each talk: long enough that all are held at the same time."""


@dataclass(frozen=True)
class Used:
    """Cost of a suite: of the processor in seconds, of memory at its peak in MB, and by the clock in seconds."""

    cpu: float
    memory: float
    wall: float
    requests: int

    @property
    def cores(self) -> float:
        return self.cpu / self.wall


def bench(*, short: bool) -> list[Figure]:
    """One suite each: processor time needs no median."""
    many, few, talk = (4, 2, 0.2) if short else (MANY, FEW, TALK)
    one, some, all_of_them = (_watch(runs, talk) for runs in (1, few, many))
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
            name=f"{name}: requests",
            ours=all_of_them.requests / all_of_them.wall,
            peer=some.requests / some.wall,
            ratio=None,
            unit="1/s",
            goal=f"<= {REQUESTS} a run",
            met=all_of_them.requests / many <= REQUESTS,
            note=f"{all_of_them.requests / many:.1f} a run; {note}: {some.requests / few:.1f} a run",
        ),
    ]


def _watch(runs: int, talk: float) -> Used:
    repeated = min(REPEATED, runs)
    scenarios = runs // repeated
    crowd = subprocess.Popen(
        [sys.executable, "-m", "bench.crowd", str(scenarios), str(talk)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert crowd.stdout is not None
    try:
        with tempfile.TemporaryDirectory() as folder:
            suite = {
                "agent_name": "bench",
                "concurrency": runs,
                # A witness is a participant, and there is no room here that it could join.
                "witnesses": 0,
                "mode": "voice",
                "runs": [{"scenario": each + 1, "repeat": repeated} for each in range(scenarios)],
            }
            file = write_yaml(Path(folder) / "cekura.yaml", suite)
            took = used_by(KIT, "run", str(file), environment=json.loads(crowd.stdout.readline()))
        said, _ = crowd.communicate()
    finally:
        crowd.kill()
        crowd.wait()
    told = json.loads(said)
    assert told["rooms_left"] == 0, f"{told['rooms_left']} rooms were left behind"
    return Used(**took, requests=sum(told["livekit"].values()) + sum(told["cekura"].values()))
