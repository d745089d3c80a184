"""File that answers in the place of an agent's model, as an option of a command names it. Without livekit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..worker.source import find_file

OWN: Final = "own"
"""Option for the agent's own model."""


def model_file(option: str, folders: Sequence[Path], *, default: Path | None) -> Path | None:
    """Return the file of model rules or the cassette; None for the agent's own model.

    Args:
        option: a file, ``own``, or empty.
        folders: folders in which a relative path is searched, in order.
        default: used without an option, if it exists.

    Raises:
        TargetError: there is no such file.
    """
    if option:
        return None if option == OWN else find_file(option, folders)
    return default if default is not None and default.exists() else None
