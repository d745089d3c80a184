"""Usage data that libraries of an agent send to their makers: none from a test."""

from __future__ import annotations

import os
from typing import Final

SENDS_NONE: Final[dict[str, str]] = {"ORT_DISABLE_TELEMETRY": "1"}
"""Variables that keep libraries from it.

onnxruntime, which silero's plugin imports, sends some from 1.29 on: it starts a thread when it is imported, writes an
id into the home folder, and keeps a process that has no internet from ending for up to 5 s. It reads its variable once,
at its import.
"""


def send_none() -> None:
    """Keep this process from it, and those that it starts. A variable that is set stays as it is."""
    for name, value in SENDS_NONE.items():
        os.environ.setdefault(name, value)
