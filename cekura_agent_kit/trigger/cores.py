"""Number of processor cores that this process may use."""

from __future__ import annotations

import os
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


def _limit(cgroups: Path) -> int | None:
    """Return the limit of CPU time in cores, rounded up; None if there is none."""
    with suppress(OSError, ValueError):
        quota, period = (cgroups / "cpu.max").read_text().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    with suppress(OSError, ValueError):
        quota, period = ((cgroups / "cpu" / f"cpu.cfs_{each}_us").read_text() for each in ("quota", "period"))
        return -(-int(quota) // int(period)) if int(quota) > 0 else None
    return None
