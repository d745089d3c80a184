"""This machine: the cores that this process may use, and whether all of its cores are busy."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = _CGROUPS) -> int:
    """Return the cores of this process: those of its affinity, at most its cgroup's limit, rounded up; at least 1.

    Args:
        cgroups: where the limits of version 1 or 2 are mounted; livekit-agents reads the same files.
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = _limit(cgroups)
    return own if limit is None else max(1, min(own, limit))


def is_busy() -> bool:
    """Return True if more processes want to run than there are cores, over the last minute; not known on Windows."""
    if sys.platform == "win32":
        return False
    try:
        return os.getloadavg()[0] > (os.cpu_count() or 1)
    except OSError:
        return False


def _limit(cgroups: Path) -> int | None:
    """Return the limit of CPU time in cores, rounded up; None if there is none."""
    with suppress(OSError, ValueError):
        quota, period = (cgroups / "cpu.max").read_text().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    with suppress(OSError, ValueError):
        quota, period = ((cgroups / "cpu" / f"cpu.cfs_{each}_us").read_text() for each in ("quota", "period"))
        return -(-int(quota) // int(period)) if int(quota) > 0 else None
    return None
