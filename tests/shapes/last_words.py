"""Counts lost last words: ``python -m tests.shapes.last_words text 200`` or ``… voice 50``.

Runs the command with the sandbox. Each run's agent (`farewell.py`) says its last words in a tool, awaits them, and
deletes the room. A run passes if the evaluator heard them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from cekura_agent_kit.verdict import SuiteVerdict

ROOT = Path(__file__).parents[2]
MAIN = "from cekura_agent_kit.cli import main; main()"
SCENARIOS = "30: {name: Ends, talk: [{hear: welcome}, {say: call hang_up, hear: farewell my friend}], patience: 20s}\n"


def run(mode: str, count: int, concurrency: int) -> SuiteVerdict:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scenarios.yaml").write_text(SCENARIOS)
        suite = {
            "worker": f"{sys.executable} -m tests.shapes.farewell dev --no-reload",
            "sandbox": "scenarios.yaml",
            "agent_timeout": "60s",
            "timeout": "120s",
            "concurrency": concurrency,
            "runs": [{"scenario": 30, "mode": mode, "repeat": count}],
        }
        (folder / "cekura.yaml").write_text(json.dumps(suite))
        subprocess.run(
            [sys.executable, "-c", MAIN, "run", "--sandbox", "cekura.yaml", "--json", "report.json"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )
        return SuiteVerdict.model_validate_json((folder / "report.json").read_text())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("text", "voice"))
    parser.add_argument("count", type=int)
    parser.add_argument("--concurrency", type=int, default=4)
    given = parser.parse_args()
    report = run(given.mode, given.count, given.concurrency)
    counts = Counter(each.outcome.value for each in report.runs)
    unseen = sum(not any("Farewell" in line.text for line in each.transcript) for each in report.runs)
    for each in report.runs:
        if each.outcome.value != "passed":
            print(f"{each.outcome.value}: {each.room}: {each.reason}")
    print(f"{given.mode}: {dict(counts)} of {len(report.runs)}; last words not in the transcript: {unseen}")
    return counts["passed"] != len(report.runs)


if __name__ == "__main__":
    sys.exit(main())
