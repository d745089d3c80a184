"""The process from which rounds are forked, and a round's process.

Python's forkserver (Linux, macOS) imports this module once, and with it livekit-agents, the rehearsal and the libraries
of the agent: that takes seconds. The agent's own modules are imported in the round's process alone. Under spawn
(Windows) the round's process imports everything.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from ..importing import import_all, open_native_library, without_collection
from ..own_code import is_own
from ..worker.handover import taken
from .findings import Ended, Finding, Order
from .printed import captured_output
from .subject import Subject

LIBRARIES_VARIABLE: Final = "CEKURA_KIT_WARM"
"""Names of the libraries, separated by colons, for the forkserver; see `worker.handover`."""
_ALWAYS: Final = (
    "livekit.agents",
    "cekura_agent_kit.watch.edit_round",
    "cekura_agent_kit.agent.run",
    "cekura_agent_kit.agent.text_session",
    "cekura_agent_kit.cli",  # the command's own module, which each process of Python's multiprocessing imports
)
_WRITES: Final = os.O_WRONLY | os.O_RDWR


def start_round(subject: Subject, order: Order, findings: Connection) -> None:
    """Run a round. To be called in a process of its own, which the caller ends after `Ended`."""
    if hasattr(os, "setsid"):
        # Out of the terminal's group, so that Ctrl-C reaches the watching process alone, which ends this whole group.
        os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    read: set[str] = set()
    sys.addaudithook(_notes_reads(read))
    printed = captured_output()
    from .edit_round import Round

    def send(finding: Finding) -> None:
        findings.send(finding)

    asyncio.run(Round(subject, order, send, printed).run())
    findings.send(Ended(frozenset(_own_files(read))))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "it is a process of multiprocessing's"
    parent.join()
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _notes_reads(read: set[str]) -> Callable[[str, Any], None]:
    """Return an audit hook that notes the files that are opened to be read: prompts, menus, .env files."""

    def hook(event: str, arguments: Any) -> None:
        if event == "open" and isinstance(arguments[0], str) and not (arguments[2] or 0) & _WRITES:
            read.add(arguments[0])

    return hook


def _own_files(read: set[str]) -> set[str]:
    """Return the agent's own files among those that were read, and those of its modules, read from a cache maybe."""
    modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    files = {Path(each).resolve() for each in {*read, *(each for each in modules if isinstance(each, str))}}
    return {str(each) for each in files if is_own(str(each))}


def _warm_up(libraries: list[str]) -> None:
    with without_collection():
        import_all([*_ALWAYS, *libraries])
        open_native_library()


if (_names := taken(LIBRARIES_VARIABLE)) is not None:
    _warm_up(_names.split(":"))
