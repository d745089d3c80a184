"""The real entrypoint in a room in memory.

The names below are resolved on first use: the pytest plugin is loaded with every pytest run, and livekit-agents takes
seconds to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fixture import Rehearse
    from .rehearsal import Rehearsal
    from .room import MemoryRoom
    from .scenarios import RehearsedScenario
    from .turn import Handoff, ToolCall, Turn

__all__ = ["Handoff", "MemoryRoom", "Rehearsal", "Rehearse", "RehearsedScenario", "ToolCall", "Turn"]

_HOME = {
    "Handoff": ".turn",
    "MemoryRoom": ".room",
    "Rehearsal": ".rehearsal",
    "Rehearse": ".fixture",
    "RehearsedScenario": ".scenarios",
    "ToolCall": ".turn",
    "Turn": ".turn",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOME[name], __name__), name)
    return value
