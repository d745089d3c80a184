"""One scenario in text and in voice, in the sandbox: the same talk, the same agent, one worker.

In voice each word is spoken, sent as sound, and recognised, so a talk takes as long as it takes to say.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from .measure import Figure
from .suites import EXAMPLE, WORKER, run_suite, write_yaml

SCENARIO = 31
"""Asks for the opening hours: a greeting, a tool, three turns."""
SHORT = 33
"""Comes with too many people: two turns."""
REPEATS = 3


def bench(*, short: bool) -> list[Figure]:
    """One after the other, in turn, after a run of each that does not count."""
    scenario, repeats = (SHORT, 0) if short else (SCENARIO, REPEATS)
    with tempfile.TemporaryDirectory() as folder:
        suite = {
            "worker": WORKER,
            "sandbox": str(EXAMPLE / "cekura.scenarios.yaml"),
            "concurrency": 1,
            "runs": [{"scenario": scenario, "mode": mode} for _ in range(repeats + 1) for mode in ("text", "voice")],
        }
        _, report = run_suite(write_yaml(Path(folder) / "cekura.yaml", suite))
    runs = report["runs"] if short else report["runs"][2:]
    text, voice = ([run for run in runs if run["mode"] == mode] for mode in ("text", "voice"))
    return [
        _figure("text-vs-voice: talk", [_talk(run) for run in text], [_talk(run) for run in voice]),
        _figure("text-vs-voice: reply", _replies(text), _replies(voice)),
    ]


def _talk(run: dict[str, Any]) -> float:
    """Seconds from the evaluator's join to its leave."""
    return float(run["timeline"]["ended"] - run["timeline"]["evaluator_joined"])


def _replies(runs: list[dict[str, Any]]) -> list[float]:
    """Seconds from the evaluator's words to the agent's, turn by turn."""
    return [turn for run in runs for turn in run["latency"]["turns"]]


def _figure(name: str, text: list[float], voice: list[float]) -> Figure:
    ours, peer = statistics.median(text), statistics.median(voice)
    return Figure(name=name, ours=ours, peer=peer, ratio=ours / peer, unit="s", goal="", met=None, note="against voice")
