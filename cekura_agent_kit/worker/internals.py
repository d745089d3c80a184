"""Private names of livekit-agents' `AgentServer` that a worker made for tests uses.

All are there from 1.6.0 on; checked on 1.6.0, 1.7.1 and 1.8.9.

- ``AgentServer._host``, ``._port``: address of the health endpoint. `update_options` does not set it. If one is gone,
  the endpoint stays where production has it, and a second worker on this machine cannot start.
- ``AgentServer._mp_ctx_str``: how job processes are made. If it is gone, nothing is preloaded.
"""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from livekit.agents import AgentServer

_ADDRESS: Final = {"_host": "127.0.0.1", "_port": 0}


def use_free_health_port(server: AgentServer) -> list[str]:
    """Move the health endpoint to a free port on loopback.

    Returns:
        Names that this livekit-agents lacks. If there is one, the endpoint was left where it is.
    """
    missing = [name for name in _ADDRESS if not hasattr(server, name)]
    if not missing:
        vars(server).update(_ADDRESS)
    return [f"AgentServer.{name}" for name in missing]


def forks_jobs(server: AgentServer) -> bool:
    """Return True if job processes are forked from Python's forkserver (Linux)."""
    return getattr(server, "_mp_ctx_str", "") == "forkserver"


def preload_first(module: str) -> None:
    """Have the forkserver of this process import a module before those that livekit-agents names.

    The parameter for it, ``preload_modules``, came after 1.7. The context is one object for the whole process.
    """
    context: Any = multiprocessing.get_context("forkserver")
    set_preload = context.set_forkserver_preload
    context.set_forkserver_preload = lambda names: set_preload([module, *names])
