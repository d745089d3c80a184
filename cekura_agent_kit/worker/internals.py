"""Private names of livekit-agents' `AgentServer` that a worker made for tests uses.

All are there from 1.6.0 on; checked on 1.6.0, 1.7.1 and 1.8.9.

- ``AgentServer._host``, ``._port``: address of the health endpoint. `update_options` does not set it. If one is gone,
  the endpoint stays where production has it, and a second worker on this machine cannot start.
- ``AgentServer._mp_ctx_str``: how job processes are made. If it is gone, nothing is preloaded.
"""

from __future__ import annotations

import os
import signal
from multiprocessing import forkserver
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


def start_forkserver(module: str) -> None:
    """Start Python's forkserver now, and have it import a module.

    livekit-agents would start it later, with modules of its own choice; one that runs imports no others. The parameter
    for more modules, ``preload_modules``, came after 1.7.
    """
    forkserver.set_forkserver_preload([module])
    # As livekit-agents does: Ctrl-C reaches all processes of a terminal, and the worker ends its own in order.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def stop_forkserver() -> None:
    """End the forkserver, so that livekit-agents starts one as in production.

    Uses ``_forkserver._forkserver_pid`` and ``._stop`` of `multiprocessing.forkserver`: there in Python 3.11 to 3.14.
    """
    server: Any = forkserver._forkserver
    if server._forkserver_pid is not None:
        # A thread that its modules have started may keep it from ending by itself.
        os.kill(server._forkserver_pid, signal.SIGKILL)
    server._stop()
