"""Load of this machine, on which the suite's own worker starts its job processes too."""

from __future__ import annotations

import os
import sys


def is_busy() -> bool:
    """Return True if more processes want to run than there are cores, over the last minute; not known on Windows."""
    if sys.platform == "win32":
        return False
    try:
        return os.getloadavg()[0] > (os.cpu_count() or 1)
    except OSError:
        return False
