"""The warm process and the processes of rounds, as the watching process starts and ends them."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final

from ..worker.handover import handed_over
from ..worker.internals import start_forkserver, stop_forkserver
from .findings import Broken, Finding, Order
from .subject import Subject
from .warm import LIBRARIES_VARIABLE, start_round

IS_FORKED: Final = "forkserver" in multiprocessing.get_all_start_methods()
"""A round is forked from the warm process; else it has a fresh one, which imports everything."""
_TO_END: Final = 5.0
"""Seconds from SIGKILL until a process has ended."""


def warm_up(libraries: Sequence[str]) -> None:
    """Start the warm process; it imports the libraries, and the first round waits for it."""
    if not IS_FORKED:
        return
    with handed_over(LIBRARIES_VARIABLE, ":".join(libraries)):
        start_forkserver("cekura_agent_kit.watch.warm")


def cool_down() -> None:
    """End the warm process."""
    if IS_FORKED:
        stop_forkserver()


class RoundProcess:
    """The process of one round. Its methods may be called in any thread, `end` while `next` waits.

    Args:
        subject: what is rehearsed.
        order: of the round.
    """

    def __init__(self, subject: Subject, order: Order) -> None:
        context: Any = multiprocessing.get_context("forkserver" if IS_FORKED else "spawn")
        self._findings: Connection
        self._findings, sending = multiprocessing.Pipe(duplex=False)
        self._process = context.Process(target=start_round, args=(subject, order, sending), name="cekura-kit-round")
        self._sending = sending
        self._is_ended = False

    def start(self) -> None:
        """Start it. Waits until the warm process is ready."""
        try:
            self._process.start()
        finally:
            self._sending.close()
        if self._is_ended:  # while it was being started
            self.end()

    def next(self) -> Finding:
        """Wait for the next finding; of a process that died, `Broken`."""
        try:
            found: Finding = self._findings.recv()
        except (EOFError, OSError):
            self._process.join(_TO_END)
            code = self._process.exitcode
            return Broken(f"the process of the agent ended{f' with exit code {code}' if code is not None else ''}")
        return found

    def end(self) -> None:
        """Kill the process, with all that it started."""
        self._is_ended = True
        pid = self._process.pid
        if pid is None:
            return
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        self._process.kill()
        self._process.join(_TO_END)
