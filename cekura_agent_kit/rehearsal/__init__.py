"""The real entrypoint in a room in memory, under pytest.

The public names are imported on first use: the pytest plugin is loaded with every pytest run, and importing
livekit-agents takes seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from .fixture import Rehearse
    from .rehearsal import Rehearsal
    from .room.caller import Caller
    from .room.room import MemoryRoom
    from .room.server_api import ServerRequest
    from .scenarios import RehearsedScenario
    from .turn import Handoff, ToolCall, Turn

__all__ = [
    "Caller",
    "Handoff",
    "MemoryRoom",
    "Rehearsal",
    "Rehearse",
    "RehearsedScenario",
    "ServerRequest",
    "ToolCall",
    "Turn",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Caller": ".room.caller",
        "Handoff": ".turn",
        "MemoryRoom": ".room.room",
        "Rehearsal": ".rehearsal",
        "Rehearse": ".fixture",
        "RehearsedScenario": ".scenarios",
        "ServerRequest": ".room.server_api",
        "ToolCall": ".turn",
        "Turn": ".turn",
    },
)
