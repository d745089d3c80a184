"""Default names of the sandbox's files. The names of 0.1 are read where these are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SCENARIOS: Final = "cekura.scenarios.yaml"
RULES: Final = "cekura.models.yaml"
_FORMER: Final = {SCENARIOS: "scenarios.yaml", RULES: "models.yaml"}
"""LiveKit's own tools have a ``scenarios.yaml``, of another form."""


def default_file(folder: Path, name: str) -> Path:
    """Return the file of this default name in the folder, or the one with its former name if only that exists."""
    file, former = folder / name, folder / _FORMER[name]
    return former if former.exists() and not file.exists() else file


def advice_on(file: Path, name: str) -> str:
    """Return a line of advice if a file has the former name of a default; else an empty string."""
    if file.name != _FORMER[name]:
        return ""
    return f"{file}: rename it to {name}, its default name; LiveKit's tools have files of the former name"
