"""A process under a guard: stopped with its whole group when this process is gone, however it ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from . import guard

_GRACE: Final = 5.0
"""Seconds from SIGTERM to SIGKILL once this process is gone: a worker's jobs may leave their rooms."""


class GuardedProcess:
    """A running command. It belongs to no event loop.

    Args:
        words: the command and its arguments.
        log: file to which its output is appended. None: it goes to this process's standard output.
        folder: its working folder. Default: the current one.
        environment: all its variables. Default: those of this process.
        key_files: files with keys, emptied when this process is gone.
        grace: seconds from SIGTERM to SIGKILL once this process is gone.

    Attributes:
        pid: its process id, which is also the id of its process group and session.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        log: Path | None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        key_files: Sequence[Path] = (),
        grace: float = _GRACE,
    ) -> None:
        command = [sys.executable, "-I", "-S", guard.__file__, str(grace), *map(str, key_files), "--", *words]
        with nullcontext(1) if log is None else log.open("ab") as output:
            self._guard = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                # Ctrl-C signals the terminal's whole process group. The command is stopped in its turn.
                start_new_session=True,
            )
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        self._orders, self._status = self._guard.stdin.fileno(), self._guard.stdout.fileno()
        self._received = b""
        self._code: int | None = None
        try:
            kind, number = self._next_line()
        except BaseException:
            # A signal's exception: nobody else knows of the process yet.
            self._close()
            raise
        if kind == "error":
            self._close()
            raise OSError(number, os.strerror(number), words[0])
        self.pid = number
        os.set_blocking(self._status, False)

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the process runs."""
        if self._code is None:
            self._receive()
        return self._code

    def wait(self, timeout: float) -> int | None:
        """Wait for the end; return the exit code, or None if the process runs longer than this."""
        deadline = time.monotonic() + timeout
        while self.poll() is None and (left := deadline - time.monotonic()) > 0:
            select.select([self._status], [], [], left)
        return self._code

    def terminate(self) -> None:
        """Send SIGTERM to the process alone."""
        self._order(b"T")

    def kill(self) -> None:
        """Kill the process with its group, and end the guard. The log is complete afterwards."""
        if self._guard.poll() is None:
            self._order(b"K")
            self.wait(5)
        self._kill_group()
        self._close()
        if self._code is None:
            self._code = -signal.SIGKILL

    def _order(self, order: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._orders, order)

    def _close(self) -> None:
        """End the guard by the end of its lifeline."""
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()
        self._guard.wait()

    def _kill_group(self) -> None:
        # Also for a guard that was killed itself.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _next_line(self) -> tuple[str, int]:
        """Wait for the guard's first line."""
        while b"\n" not in self._received:
            data = os.read(self._status, 64)
            if not data:
                self._close()
                raise ChildProcessError(f"the guard of a process ended with exit code {self._guard.returncode}")
            self._received += data
        return self._parsed_line()

    def _receive(self) -> None:
        # A command that ends at once: its end may have been read with the guard's first line.
        data = b""
        if b"\n" not in self._received:
            try:
                data = os.read(self._status, 64)
            except BlockingIOError:
                return
            self._received += data
        if b"\n" in self._received:
            _, self._code = self._parsed_line()
        elif not data:
            # The guard was killed, and nobody else would stop the command any more.
            self._kill_group()
            self._code = -signal.SIGKILL

    def _parsed_line(self) -> tuple[str, int]:
        line, _, self._received = self._received.partition(b"\n")
        kind, number = line.decode().split()
        return kind, int(number)
