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


def environments_of_jobs(worker: int) -> list[dict[str, str]]:
    """Return the environments of a worker's job processes, as they were started: after its main module was imported.

    Of processes that Python's multiprocessing has started. Others of the worker's may have any environment.
    """
    found = []
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(worker).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any("multiprocessing" in word for word in process.cmdline()):
                    found.append(process.environ())
    return found


def _is_running_in(group: int, process: psutil.Process) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False
