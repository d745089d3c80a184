"""The real entrypoint in a room in memory, under pytest.

The public names are imported on first use: the pytest plugin is loaded with every pytest run, and importing
livekit-agents takes seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from ..cassettes.tape import RecordMode
    from .fixture import Rehearse
    from .rehearsal import Rehearsal
    from .rehearsed_scenario import RehearsedScenario
    from .room.caller import Caller
    from .room.room import MemoryRoom
    from .room.server_api import ServerRequest
    from .tapes import Cassette, cassette
    from .turn import Handoff, ToolCall, Turn

__all__ = [
    "Caller",
    "Cassette",
    "Handoff",
    "MemoryRoom",
    "RecordMode",
    "Rehearsal",
    "Rehearse",
    "RehearsedScenario",
    "ServerRequest",
    "ToolCall",
    "Turn",
    "cassette",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Caller": ".room.caller",
        "Cassette": ".tapes",
        "Handoff": ".turn",
        "MemoryRoom": ".room.room",
        "RecordMode": "..cassettes.tape",
        "Rehearsal": ".rehearsal",
        "Rehearse": ".fixture",
        "RehearsedScenario": ".rehearsed_scenario",
        "ServerRequest": ".room.server_api",
        "ToolCall": ".turn",
        "Turn": ".turn",
        "cassette": ".tapes",
    },
)
