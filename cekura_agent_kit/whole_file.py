"""Writing of a file at once: it is never half written."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str, *, newline: str | None = None) -> None:
    """Write a text beside the file, then put it in its place, with its mode. What a link leads to is replaced.

    Args:
        path: of the file; its folder is made.
        text: of the file.
        newline: as for `open`.

    Raises:
        OSError: it cannot be written. The file is as it was.
    """
    path = path.resolve()
    # Of this process: another may write the same file.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8", newline=newline) as stream:
            stream.write(text)
        if path.exists():
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
