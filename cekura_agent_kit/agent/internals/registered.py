"""The entrypoint that a server of livekit-agents has. Each production job imports this, and it imports little.

``AgentServer._entrypoint_fnc``, checked on 1.6.0, 1.7.1 and 1.8.9. If it is gone, a server that received the function
before it was wrapped runs the function as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def replace_entrypoint(function: Callable[..., Any], wrapped: Callable[..., Any]) -> None:
    """Register the wrapped function with a server that has the bare one: the decorators' other order."""
    from livekit.agents import AgentServer

    for server in getattr(function, "__globals__", {}).values():
        if isinstance(server, AgentServer) and getattr(server, "_entrypoint_fnc", None) is function:
            server._entrypoint_fnc = wrapped


def registered_entrypoint(server: object) -> Callable[..., Any] | None:
    """Return the function that a server's ``rtc_session`` registered; None where it has none."""
    return getattr(server, "_entrypoint_fnc", None)
