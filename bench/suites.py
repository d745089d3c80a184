"""A suite for the benchmarks: the example's agent, a model that takes its time, and as many scenarios as are wanted."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from .measure import KIT

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "restaurant"
WORKER = f"python {shlex.quote(str(EXAMPLE / 'agent.py'))} dev --no-reload"
"""`start` would keep processes ready, and refuse jobs while the machine is busy."""
AGENT_FILE = shlex.quote(str(EXAMPLE / "agent.py"))
"""The same agent, served by the kit."""
BARE = "bare"
"""Key of a job's metadata: true runs the example's entrypoint without the wrapper (`bench.voice_agent`)."""
LLM_SECONDS = 0.3
"""Seconds for which the model thinks: a small hosted one's time to its first word."""


def copy_example(folder: Path) -> Path:
    """Copy the example's repo into a folder; return the copy."""
    return shutil.copytree(EXAMPLE, folder / EXAMPLE.name, ignore=shutil.ignore_patterns("__pycache__"))


def write_suite(folder: Path, *, scenarios: int, turns: int, thinks: float = LLM_SECONDS, **suite: Any) -> Path:
    """Write suite, scenarios and model rules; gives the suite's file.

    Args:
        folder: where.
        scenarios: how many, numbered from 1, each run once where the suite says nothing else.
        turns: of each, after the greeting: something said, and something heard.
        thinks: seconds for which the model thinks before its first word.
        suite: keys of the suite file, beside those that are set here.
    """
    # The agent greets first: a flow that does not wait for its agent would have its first words heard by nobody.
    talk: list[dict[str, str]] = [{"hear": "welcome"}]
    talk += [{"say": f"May I bring dog {turn}?", "hear": f"dog {turn} is welcome"} for turn in range(1, turns + 1)]
    ids = range(1, scenarios + 1)
    write_yaml(folder / "cekura.scenarios.yaml", {each: {"name": f"Brings {turns} dogs", "talk": talk} for each in ids})
    rule = {"user": r"dog (?P<dog>\d+)", "say": "Yes, dog {dog} is welcome."}
    if thinks:
        rule["delay"] = f"{thinks}s"
    write_yaml(folder / "cekura.models.yaml", {"rules": [rule]})
    whole = {
        "worker": AGENT_FILE,
        "mode": "text",
        "runs": [{"scenario": each} for each in ids],
        **suite,
    }
    return write_yaml(folder / "cekura.yaml", whole)


def suite_command(suite: Path) -> list[str]:
    """The command that runs a suite in the sandbox."""
    return [KIT, "run", "--sandbox", str(suite)]


def run_suite(suite: Path) -> tuple[float, dict[str, Any]]:
    """`cekura-kit run --sandbox` on it, cold: seconds from the command to its end, and its report."""
    report = suite.with_name("report.json")
    command = [*suite_command(suite), "--json", str(report)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - start
    assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return took, json.loads(report.read_text())


def write_yaml(path: Path, content: object) -> Path:
    """Write it; gives the path."""
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
