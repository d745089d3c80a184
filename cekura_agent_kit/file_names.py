"""Default names of the sandbox's files. The names of 0.1 are read where these are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SCENARIOS: Final = "cekura.scenarios.yaml"
RULES: Final = "cekura.models.yaml"
CALLERS: Final = "cekura.callers.yaml"
_FORMER: Final = {SCENARIOS: "scenarios.yaml", RULES: "models.yaml"}
"""LiveKit's own tools have a ``scenarios.yaml``, of another form."""
_LIVEKIT: Final = frozenset({"instructions", "agent_expectations"})


def default_file(folder: Path, name: str) -> Path:
    """Return the file of this default name in the folder, or the one with its former name if only that exists.

    Scenarios for LiveKit's simulator are not the kit's, whatever their name is.
    """
    file, former = folder / name, folder / _FORMER[name]
    return former if former.exists() and not file.exists() and not is_for_livekit(former) else file


def is_for_livekit(file: Path) -> bool:
    """Return True for scenarios of LiveKit's simulator: a list, each with instructions or expectations.

    https://docs.livekit.io/agents/start/testing/simulations/, checked with its beta of 2026.
    """
    import yaml

    from .yaml_loader import parse

    try:
        text = file.read_text("utf-8")
        # The kit's own files, which may be long, are parsed once.
        _, value = parse(text) if "scenarios" in text and any(key in text for key in _LIVEKIT) else (None, None)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return False
    listed = value.get("scenarios") if isinstance(value, dict) else None
    return isinstance(listed, list) and any(isinstance(each, dict) and _LIVEKIT & each.keys() for each in listed)


def advice_on(file: Path, name: str) -> str:
    """Return a line of advice if a file has the former name of a default; else an empty string."""
    if file.name != _FORMER[name]:
        return ""
    return f"{file}: rename it to {name}, its default name; LiveKit's tools have files of the former name"
