"""Output of the process of a round: kept from the terminal, and shown with the scenario that failed."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_MOST: Final = 4000
"""Characters that are shown: the last ones."""


def captured_output() -> Callable[[], str]:
    """Send what this process prints, its native parts included, to a file; return what reads it, from call to call."""
    # Without a name: nothing is left behind.
    file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process runs
    for number in (1, 2):
        os.dup2(file.fileno(), number)
    place = 0

    def printed() -> str:
        nonlocal place
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        end = os.fstat(file.fileno()).st_size
        data = os.pread(file.fileno(), end - place, place) if hasattr(os, "pread") else b""
        place = end
        text = data.decode("utf-8", "replace").strip("\n")
        return text if len(text) <= _MOST else f"…{text[-_MOST:]}"

    return printed
