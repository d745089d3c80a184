"""Seconds of `cekura-kit replay`, the whole command, beside a bare import of what the agent's file imports."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.verdict import Line, Outcome, RunVerdict, SuiteVerdict

from .measure import Figure, interleaved, process_seconds
from .suites import copy_example

SAID = ("A table for two on Friday at seven, please.", "My name is Maria.", "Thank you, goodbye.")
IMPORTS = "import livekit.agents, livekit.plugins.openai, livekit.plugins.silero"


def bench(*, short: bool) -> list[Figure]:
    """Whole processes, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        repo = copy_example(Path(folder))
        (repo / "report.json").write_text(_report().to_json(), encoding="utf-8")
        commands = [
            [sys.executable, "-m", "cekura_agent_kit", "replay", "report.json", "30#1"],
            [sys.executable, "-c", IMPORTS],
        ]
        ways = [partial(process_seconds, *command, cwd=str(repo)) for command in commands]
        took = interleaved(ways, repeats=1 if short else 7)
    return [
        Figure(
            name="replay: the example's booking",
            ours=took.median(0),
            peer=took.median(1),
            ratio=took.ratio(0, 1),
            unit="s",
            goal="<= 3 s",
            met=took.median(0) <= 3,
            note="against a bare import of livekit.agents and the agent's two plugins",
        )
    ]


def _report() -> SuiteVerdict:
    run = RunVerdict(
        case="30#1",
        scenario=30,
        scenario_name="Books a table",
        mode=Mode.TEXT,
        outcome=Outcome.FAILED,
        reason="no table was booked",
        transcript=[Line(role="evaluator", text=text, at=float(place)) for place, text in enumerate(SAID)],
    )
    return SuiteVerdict.of(
        [run],
        suite="restaurant",
        suite_id="bench",
        started_at="2026-01-01T00:00:00+00:00",
        duration_s=1,
        worker="agent.py",
    )
