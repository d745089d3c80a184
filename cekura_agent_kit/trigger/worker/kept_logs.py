"""Logs that are kept when something did not pass: the worker's, and the part of each run's job."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from ...verdict import Kind, Outcome, RunVerdict
from .job_logs import JobLogs

WORKER_LOG: Final = "worker.log"

_WORKER_LIMIT: Final = 10_000_000
"""Characters of the whole log that are kept."""
_RUN_LIMIT: Final = 1_000_000
"""Characters of one run's part that are kept."""
_MOST_RUNS: Final = 100
"""Runs whose part is kept as a file of its own; the whole log has the others'."""
_HEAD: Final = 5
"""One part in so many that is kept of the beginning of a log that is cut; the rest is of its end."""

_UNFIT: Final = re.compile(r"[^\w-]+")
"""Characters of a case that its file's name does not have: in an address, ``#`` would begin a fragment."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class KeptLog:
    """Log of a worker that still runs, kept once something failed.

    Args:
        read: returns the log so far, without secrets.
        folder: receives it; default: a new folder among the system's temporary files.
    """

    def __init__(self, read: Callable[[], str], folder: Path | None) -> None:
        self._read, self._folder = read, folder
        self._is_kept = False

    def keep(self) -> str:
        """Write the log, and return the absolute path of its file; empty if it cannot be written."""
        try:
            path = write_worker_log(self._read(), self._folder)
        except OSError as error:
            _log.warning("the worker's log could not be kept: %s", error)
            return ""
        self._is_kept, self._folder = True, path.parent
        return str(path)

    def update(self) -> None:
        """Write the log again, if it is kept."""
        if self._is_kept:
            self.keep()


def keep_logs(log: str, runs: Sequence[RunVerdict], folder: Path | None, *, failed: bool) -> list[RunVerdict]:
    """Write the logs if something did not pass, and return the runs with the paths of theirs, absolute ones.

    Logs of an earlier run of the suite in that folder are deleted.

    Args:
        log: the worker's log, without secrets.
        runs: all runs of the suite.
        folder: where to write; default: a new folder among the system's temporary files.
        failed: the suite as a whole did not pass.
    """
    if folder is not None:
        _clear(folder)
    concerned = [run for run in runs if run.outcome in (Outcome.FAILED, Outcome.ERRORED) and run.kind != Kind.NOT_RUN]
    if not log or not (concerned or failed):
        return list(runs)
    try:
        paths = _write(log, runs, concerned, folder)
    except OSError as error:
        _log.warning("the worker's log could not be kept: %s", error)
        note = f"the worker's log could not be kept ({error.strerror})"
        return [_noted(run, note) if run in concerned else run for run in runs]
    return [run.model_copy(update={"worker_log": str(paths[id(run)])}) if id(run) in paths else run for run in runs]


def write_worker_log(log: str, folder: Path | None) -> Path:
    """Write the whole log, and return its absolute path.

    Args:
        log: the worker's log, without secrets.
        folder: created if it does not exist; default: a new one among the system's temporary files.

    Raises:
        OSError: it cannot be written.
    """
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="cekura-kit-logs-"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.absolute() / WORKER_LOG
    path.write_text(_within(log, _WORKER_LIMIT), encoding="utf-8", errors="replace")
    return path


def _write(
    log: str, runs: Iterable[RunVerdict], concerned: Sequence[RunVerdict], folder: Path | None
) -> dict[int, Path]:
    """Write the files, and return the one of each run, by the run's `id`."""
    whole = write_worker_log(log, folder)
    jobs = JobLogs(log, [run.room for run in runs])
    paths = {}
    for run in concerned:
        part = jobs.of(run.room)
        paths[id(run)] = whole
        if part and len(paths) <= _MOST_RUNS:
            paths[id(run)] = whole.with_name(_UNFIT.sub("-", run.case) + ".log")
            paths[id(run)].write_text(_within(part, _RUN_LIMIT), encoding="utf-8", errors="replace")
    return paths


def _within(log: str, limit: int) -> str:
    """Return the log in at most about ``limit`` characters: its beginning, its end, and a line on what was left out."""
    if len(log) <= limit:
        return log
    head, tail = log[: limit // _HEAD].rpartition("\n")[0], log[-(limit - limit // _HEAD) :].partition("\n")[2]
    left_out = len(log) - len(head) - len(tail)
    return f"{head}\n... {left_out} characters left out by cekura-kit ...\n{tail}"


def _clear(folder: Path) -> None:
    """Delete the logs of an earlier run, and the folder if nothing else is in it."""
    with suppress(OSError):
        for path in folder.glob("*.log"):
            path.unlink()
        folder.rmdir()


def _noted(run: RunVerdict, note: str) -> RunVerdict:
    return run.model_copy(update={"notes": [*run.notes, note]})
