"""The example's agent for `bench.soak`, whose worker counts its asyncio tasks on SIGUSR2, into the file CEKURA_SOAK."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from multiprocessing import current_process
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "restaurant"))

from agent import server  # type: ignore[import-not-found]  # the example's

__all__ = ["server"]


def _count(*_: object) -> None:
    # A signal's handler runs in the main thread, between two steps of the worker's event loop.
    try:
        tasks = len(asyncio.all_tasks())
    except RuntimeError:
        return
    Path(os.environ["CEKURA_SOAK"]).write_text(str(tasks))


if current_process().name == "MainProcess" and "CEKURA_SOAK" in os.environ:
    signal.signal(signal.SIGUSR2, _count)
