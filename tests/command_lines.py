"""Command lines of processes that may end at any moment."""

from __future__ import annotations

import psutil


def command_line(process: psutil.Process) -> list[str]:
    """Return the words of its command; none if it has ended, whether or not its parent has noticed."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
