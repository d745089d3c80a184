"""Import of the agent's module before job processes are forked, and the check that a job has inherited it.

Python's forkserver (Linux) imports this module once, at the same time as the worker imports the agent's. Every job
process is forked from there, with the agent's module and its plugins loaded. Under spawn (macOS, Windows) nothing is
preloaded.

Python's forkserver ignores ``sys.path`` up to 3.11.7, 3.12.1 and 3.13.0, and an ImportError in all versions. The file
is therefore imported by its path, and what it raises is kept for the jobs.
"""

from __future__ import annotations

import gc
import logging
import os
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from .. import collection, native_log
from ..importing import import_all, open_native_library
from ..variables import MODEL_ADDRESSES, replaced_model
from .handover import set_environment, taken

logger = logging.getLogger("cekura_agent_kit")

FILE_VARIABLE: Final = "CEKURA_KIT_PRELOAD"
"""Absolute path of the agent's file, for the forkserver; see `handover`."""

_SHARED: Final = (
    "livekit.agents.ipc._preload",  # livekit-agents' own, after 1.7
    "av",
    "anyio._backends._asyncio",  # by httpx, at its first request
    "openai.resources",
    "openai.resources.chat",
    "openai.resources.models",
    "livekit.rtc._ffi_client",
    "cekura_agent_kit.agent.run",
    "cekura_agent_kit.agent.text_session",
)
"""Imported by most jobs, and not at the import of an agent's module; each is optional."""

loaded: Path | None = None
"""The file that was preloaded in this process or the one it was forked from."""
failure = ""
"""Traceback of a preload that failed."""


class JobSetup:
    """Set-up of a job process: the agent's own prewarm, and checks of what the process has become.

    Args:
        prewarm: the agent's ``setup_fnc`` or ``prewarm_fnc``.
        file: the file that was to be preloaded; None if none was.
        given: the worker's environment before the agent's module was imported.
    """

    def __init__(self, prewarm: Callable[[Any], Any] | None, file: Path | None, *, given: Mapping[str, str]) -> None:
        self._prewarm, self._file = prewarm, file
        self._given = {name: value for name in MODEL_ADDRESSES if (value := given.get(name))}
        self._environment: dict[str, str] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Add the worker's environment of the moment at which it makes the job process.

        The forkserver was started before the worker had its agent, and does not know what was set since.
        """
        return vars(self) | {"_environment": dict(os.environ)}

    def __call__(self, process: Any) -> Any:
        """Run the agent's prewarm. Log what was not inherited, and the address of a model that was replaced."""
        if self._environment:
            set_environment(self._environment)
        native_log.install()
        if self._file is not None and loaded != self._file:
            why = failure.strip().splitlines()[-1] if failure else "the forkserver did not import it"
            logger.warning("%s was not preloaded, so each job process imports it: %s", self._file.name, why)
        try:
            return self._prewarm(process) if self._prewarm is not None else None
        finally:
            if replaced := replaced_model(self._given, os.environ):
                logger.error("%s", replaced)


def _preload(file: Path) -> None:
    global loaded, failure
    from .module import load_module

    with collection.paused():
        try:
            load_module(file)
            loaded = file
        except BaseException:  # noqa: BLE001 - the forkserver must go on; a job that imports the file raises it again
            failure = traceback.format_exc()
        import_all(_SHARED)
        open_native_library()
    # Garbage collection in a job would write to the pages that it shares with the others.
    gc.collect()
    gc.freeze()


if (_file := taken(FILE_VARIABLE)) is not None:
    _preload(Path(_file))
