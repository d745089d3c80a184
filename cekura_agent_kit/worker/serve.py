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
import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import collection
from ..errors import KitError, TargetError
from ..variables import REPLACED_HINT, replaced_model
from . import internals, preload
from .handover import handed_over
from .source import find_file, split_target

if TYPE_CHECKING:
    from livekit.agents import AgentServer

    from .target import Target

logger = logging.getLogger("cekura_agent_kit")

_FORKS = sys.platform == "linux"
"""livekit-agents forks job processes from Python's forkserver. Elsewhere it spawns them, and nothing is preloaded."""
_INITIALIZE_TIMEOUT = 60.0
"""Seconds for a job process to get ready. livekit-agents ends it after 10, which a process that imports everything by
itself exceeds on a busy machine."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the target of the command line until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="cekura-kit worker")
    parser.add_argument("target")
    parser.add_argument("--idle", type=int, default=1)
    parser.add_argument("--voice", action="store_true")
    parser.add_argument("--drain", type=int)
    given = parser.parse_args(arguments)
    # `-m` puts the current folder first. `python agent.py` has the file's folder there.
    if sys.path and sys.path[0] == str(Path.cwd()):
        del sys.path[0]
    try:
        serve(given.target, idle=given.idle, wrapped=not given.voice, drain=given.drain)
    except KitError as error:
        sys.exit(f"cekura-kit: {error}\n  hint: {error.hint}")


def serve(target: str, *, idle: int, wrapped: bool, drain: int | None = None) -> None:
    """Serve a target until SIGINT or SIGTERM.

    Args:
        target: ``"agent.py"`` or ``"agent.py:name"``; a relative path is searched in the current folder.
        idle: number of job processes that are kept ready.
        wrapped: refuse an agent without `wrap_entrypoint`.
        drain: seconds for which jobs may go on after a signal. Default: livekit-agents' own limit.

    Raises:
        TargetError: there is no such file, no agent in it, or a choice of several; the agent is not wrapped, or it
            replaces the address of the sandbox's models.
        Exception: whatever the file raises when it is imported.
    """
    given = dict(os.environ)
    if _FORKS:
        # First: it imports the agent's module at the same time as this process does.
        with handed_over(preload.FILE_VARIABLE, str(find_file(split_target(target)[0], [Path.cwd()]))):
            internals.start_forkserver(preload.__name__)
    found, threads = _find(target)
    _check(found, given, wrapped=wrapped)
    from livekit.agents import AgentServer, cli

    server = found.server
    if server is None:
        server = AgentServer()
        server.rtc_session(found.entrypoint)
    notes = [*_adapt(server, idle=idle), *_preload(server, found, threads, given)]
    if found.note:
        notes.append(found.note)
    if drain is not None:
        server.update_options(drain_timeout=drain)
    sys.argv = [target, "start"]
    # It configures the log first, which the notes need.
    server.once("worker_started", lambda: _warn(notes))
    cli.run_app(server)


def _find(target: str) -> tuple[Target, list[str]]:
    """Import the agent. Return it, and the names of the threads that its module leaves running."""
    with collection.paused():
        from .target import find_target

        before = set(threading.enumerate())
        found = find_target(target, folders=[Path.cwd()])
    return found, [thread.name for thread in threading.enumerate() if thread not in before]


def _check(found: Target, given: Mapping[str, str], *, wrapped: bool) -> None:
    """Refuse what must not be served, before anything is started."""
    from .target import anything_is_wrapped

    if replaced := replaced_model(given, os.environ):
        raise TargetError(replaced, hint=REPLACED_HINT)
    if wrapped and not (found.is_wrapped or anything_is_wrapped()):
        raise TargetError(
            f"{found.place} is not wrapped with wrap_entrypoint, and runs in text mode need it",
            hint="add `@wrap_entrypoint` (`from cekura_agent_kit import wrap_entrypoint`) right above the function; "
            "for voice alone, set `mode: voice` in the suite, or use `cekura-kit worker --voice`",
        )


def _adapt(server: AgentServer, *, idle: int) -> list[str]:
    """Set what differs from production. Return notes about what could not be set."""
    server.update_options(
        load_threshold=math.inf, num_idle_processes=idle, initialize_process_timeout=_INITIALIZE_TIMEOUT
    )
    server.load_fnc = _no_load
    missing = internals.use_free_health_port(server)
    return [f"this livekit-agents has no {name}: the health port is the agent's own" for name in missing]


def _no_load() -> float:
    """Return the load that the server is told: it gives no job to a worker that reports full load."""
    return 0.0


def _preload(server: AgentServer, found: Target, threads: Sequence[str], given: Mapping[str, str]) -> list[str]:
    """Have job processes forked from one that has imported the agent's module, if possible. Return notes."""
    preloaded = _FORKS and internals.forks_jobs(server) and not threads
    if _FORKS and not preloaded:
        internals.stop_forkserver()
    server.setup_fnc = preload.JobSetup(server.setup_fnc, found.file if preloaded else None, given=given)
    if not threads:
        return []
    name = found.file.name if found.file else found.place
    left = ", ".join(threads)
    return [
        f"not preloaded, so each job process imports it: {name} leaves threads running when it is imported ({left})"
    ]


def _warn(notes: Iterable[str]) -> None:
    for note in notes:
        logger.warning("%s", note)


if __name__ == "__main__":
    main()
