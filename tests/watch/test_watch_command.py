"""`cekura-kit watch` as a process: a save is rehearsed in a forked process, and Ctrl-C ends it all, with 0."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from .agent_repo import TOOLS, made_in, save


def until(lines: Iterator[str], words: str) -> list[str]:
    """Read up to the line with the words."""
    read = []
    for line in lines:
        read.append(line.rstrip("\n"))
        if words in line:
            return read
    raise AssertionError(f"it ended before {words!r}: {read}")


def test_a_saved_file_is_rehearsed_until_ctrl_c(tmp_path: Path) -> None:
    made_in(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "cekura_agent_kit", "watch", "agent.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout)
        first = until(lines, "waiting for a saved file")
        assert first[0] == "agent.py with cekura.scenarios.yaml; model: cekura.models.yaml"
        assert any(line.startswith("✓ 1 Asks") for line in first)
        assert any(line.startswith("2 passed in") for line in first)

        save(tmp_path / "hours.txt", "never")
        second = until(lines, "waiting for a saved file")
        assert any("hours.txt saved" in line for line in second)
        assert any(line.startswith("✗ 1 Asks") for line in second)
        assert "       agent  We are open never." in second
        assert second[second.index("  printed:") + 1] == "    hours were asked"
        assert any(line.startswith("1 failed, 1 passed in") for line in second)

        save(tmp_path / "tools.py", TOOLS + "\nreturn (\n")
        third = until(lines, "waiting for a saved file")
        assert any(line.startswith("! tools.py:9: SyntaxError") for line in third), third

        ours = psutil.Process(process.pid).children(recursive=True)
        assert ours, "the warm process"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        gone, alive = psutil.wait_procs(ours, timeout=10)
        assert not alive
        assert len(gone) == len(ours)
    finally:
        process.kill()
        process.wait()
