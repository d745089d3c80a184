"""Seconds from a saved file to the first result: `cekura-kit watch` beside `pytest` started anew.

Both rehearse the example's first scenario in memory. pytest's process has that test alone, and imports what the test
needs; other plugins of this environment are left out.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .measure import Figure, interleaved, process_seconds
from .suites import copy_example

TEST = """
import pytest

@pytest.mark.asyncio
@pytest.mark.cekura_scenarios(
    "cekura.scenarios.yaml", entrypoint="agent.py", llm="cekura.models.yaml", suite="cekura.yaml"
)
async def test_scenario(scenario):
    await scenario.run()
"""
WAITS, PASSED = "waiting for a saved file", "✓"


def bench(*, short: bool) -> list[Figure]:
    """One watch for all rounds; a new pytest in each."""
    with tempfile.TemporaryDirectory() as folder:
        repo = copy_example(Path(folder))
        (repo / "test_agent.py").write_text(TEST)
        (repo / "pytest.ini").write_text("[pytest]\nasyncio_mode = strict\n")
        alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        plugins = ["-p", "cekura_agent_kit.rehearsal.plugin", "-p", "pytest_asyncio.plugin"]
        anew = [sys.executable, "-m", "pytest", "-q", *plugins, "-k", "30-Books", "test_agent.py"]
        with watching(repo) as lines:
            ways = [partial(first_result, repo / "agent.py", lines), partial(_pytest, anew, str(repo), alone)]
            took = interleaved(ways, repeats=1 if short else 10)
    return [
        Figure(
            name="watch: from a save to the first result",
            ours=took.median(0),
            peer=took.median(1),
            ratio=took.ratio(0, 1),
            unit="s",
            goal="<= 1 s",
            met=took.median(0) <= 1,
            note="against `pytest` started anew, with that one test",
        )
    ]


@contextmanager
def watching(repo: Path) -> Iterator[Iterator[str]]:
    """Run `cekura-kit watch` in a folder; the value is its lines, once it waits. Ctrl-C ends it, with 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cekura_agent_kit", "watch", "agent.py"],
        cwd=repo,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout)
        _until(lines, WAITS)
        yield lines
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
        if code != 0:
            raise RuntimeError(f"Ctrl-C ended it with {code}")
    finally:
        process.kill()
        process.wait()


def first_result(agent: Path, lines: Iterator[str]) -> float:
    """Save the agent's file; return the seconds to the first result, once the round has ended."""
    saved = agent.with_name("saved~")
    saved.write_text(agent.read_text(encoding="utf-8") + "\n# saved", encoding="utf-8")
    start = time.perf_counter()
    saved.replace(agent)
    _until(lines, PASSED)
    took = time.perf_counter() - start
    _until(lines, WAITS)
    return took


def _pytest(command: list[str], folder: str, environment: dict[str, str]) -> float:
    return process_seconds(*command, cwd=folder, env=environment)


def _until(lines: Iterator[str], words: str) -> None:
    read = []
    for line in lines:
        read.append(line)
        if words in line:
            return
    raise RuntimeError(f"`cekura-kit watch` ended before {words!r}:\n{''.join(read)}")
