"""`cekura-kit worker TARGET`: serve an agent as livekit-agents does, in a way made for tests.

It runs livekit-agents' own ``start`` with these differences:

- job processes are forked from a process that has imported the agent's module (`preload`);
- as many of them are kept idle as are asked for;
- no load keeps jobs away;
- the health port is a free one, on loopback.

A program of its own (``python -m cekura_agent_kit.worker.serve``): what a job process imports of the main program again
must be small.
"""

from __future__ import annotations

import argparse
import logging
import math
import multiprocessing
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livekit.agents import AgentServer

    from .target import Target

logger = logging.getLogger("cekura_agent_kit")

_INITIALIZE_TIMEOUT = 60.0
"""Seconds for a job process to get ready. livekit-agents ends it after 10, which a process that imports everything by
itself exceeds on a busy machine."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the target of the command line until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="cekura-kit worker")
    parser.add_argument("target")
    parser.add_argument("--idle", type=int, default=1)
    given = parser.parse_args(arguments)
    # `-m` puts the current folder first. `python agent.py` has the file's folder there.
    if sys.path and sys.path[0] == str(Path.cwd()):
        del sys.path[0]
    from ..errors import KitError

    try:
        serve(given.target, idle=given.idle)
    except KitError as error:
        sys.exit(f"cekura-kit: {error}\n  hint: {error.hint}")


def serve(target: str, *, idle: int) -> None:
    """Serve a target until SIGINT or SIGTERM.

    Args:
        target: ``"agent.py"`` or ``"agent.py:name"``; a relative path is searched in the current folder.
        idle: number of job processes that are kept ready.

    Raises:
        TargetError: there is no such file, no agent in it, or a choice of several.
        Exception: whatever the file raises when it is imported.
    """
    from livekit.agents import AgentServer, cli

    from .target import find_target

    before = set(threading.enumerate())
    found = find_target(target, folders=[Path.cwd()])
    threads = [thread.name for thread in threading.enumerate() if thread not in before]
    server = found.server
    if server is None:
        server = AgentServer()
        server.rtc_session(found.entrypoint)
    _adapt(server, idle=idle)
    _preload(server, found, threads)
    sys.argv = [target, "start"]
    # It configures the log first, which the notes need.
    server.once("worker_started", lambda: _note(found, threads))
    cli.run_app(server)


def _adapt(server: AgentServer, *, idle: int) -> None:
    """Set what differs from production. Checked on livekit-agents 1.6.0 to 1.8.9."""
    server.update_options(
        load_threshold=math.inf, num_idle_processes=idle, initialize_process_timeout=_INITIALIZE_TIMEOUT
    )
    server.load_fnc = _no_load
    # Two workers on one machine would have the same port. Without these attributes, the second one ends with an error.
    server._host, server._port = "127.0.0.1", 0


def _no_load() -> float:
    """Return the load that the server is told: it gives no job to a worker that reports full load."""
    return 0.0


def _preload(server: AgentServer, found: Target, threads: Sequence[str]) -> None:
    from .preload import JobSetup, environment

    file = found.file
    if getattr(server, "_mp_ctx_str", "") != "forkserver" or threads or file is None:
        return
    os.environ.update(environment(file))
    context: Any = multiprocessing.get_context("forkserver")
    set_preload = context.set_forkserver_preload
    # The parameter for it, `preload_modules`, came after 1.7. The context is one object for the whole process.
    context.set_forkserver_preload = lambda names: set_preload(["cekura_agent_kit.worker.preload", *names])
    server.setup_fnc = JobSetup(server.setup_fnc, file)


def _note(found: Target, threads: Sequence[str]) -> None:
    if threads:
        logger.warning(
            "not preloaded, so each job process imports it: %s leaves threads running when it is imported (%s)",
            found.file.name if found.file else found.place,
            ", ".join(threads),
        )
    if found.note:
        logger.warning("%s", found.note)
    if not found.is_wrapped:
        logger.warning("%s is not wrapped with wrap_entrypoint, which runs in text mode need", found.place)


if __name__ == "__main__":
    main()
