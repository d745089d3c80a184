"""A group of processes, and the end of a process in words."""

from __future__ import annotations

import contextlib
import os
import signal

import psutil


def exit_in_words(code: int) -> str:
    """Describe the end of a process by its exit code, or by the name of its signal if the code is negative."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def group_is_alive(group: int) -> bool:
    """Return True if a process of the group is running. Zombies do not count: a container's init may reap them late."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return any(_is_running_in(group, process) for process in psutil.process_iter())


def _is_running_in(group: int, process: psutil.Process) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False
