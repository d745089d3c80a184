"""Standard output and standard error that never end a command: a suite costs money, and goes on without a reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any, TextIO


class _TolerantFile(io.FileIO):
    """File whose writes never fail. After the first failure, everything written is dropped."""

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write the data, or drop it if the reader is gone or the disk is full."""
        if self.failure is None:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
                # Other writers to this descriptor, such as a child process, must not fail either.
                with contextlib.suppress(OSError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
        return memoryview(data).nbytes


def protect() -> None:
    """Make `sys.stdout` and `sys.stderr` tolerant of a closed reader, a full disk and a closed descriptor.

    Only output is lost then. Characters that the encoding lacks become question marks.
    """
    sys.stdout, sys.stderr = _tolerant(sys.stdout, 1), _tolerant(sys.stderr, 2)


def lost_output() -> str:
    """Return why standard output was not written completely; empty if it was, or if its reader only went away."""
    if isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stdout.buffer, io.BufferedWriter):
        sys.stdout.flush()
        raw = sys.stdout.buffer.raw
        if isinstance(raw, _TolerantFile) and raw.failure and not isinstance(raw.failure, BrokenPipeError):
            return raw.failure.strerror or str(raw.failure)
    return ""


def _tolerant(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        # The descriptor was closed before Python started. Occupied again, no other file gets its number.
        opened = os.open(os.devnull, os.O_WRONLY)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
    elif stream not in (sys.__stdout__, sys.__stderr__):
        # Already replaced, as tests do.
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_TolerantFile(descriptor, "w", closefd=False)),
        encoding=stream.encoding if stream else "utf-8",
        errors="replace",
        line_buffering=stream.line_buffering if isinstance(stream, io.TextIOWrapper) else False,
    )
