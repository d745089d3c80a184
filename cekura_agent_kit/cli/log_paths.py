"""Paths of kept logs: absolute in a verdict, relative to its report in each file, absent if the log is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ..verdict import SuiteVerdict


def folder_beside(files: Iterable[Path | None]) -> Path | None:
    """Return the folder for a run's logs, ``reports/suite.logs`` beside ``reports/suite.json``; None without a report.

    Args:
        files: the report files, the preferred one first.
    """
    for path in files:
        # Beside a pipe or a device, nobody would look for a log.
        if path is not None and str(path) != "-" and (path.is_file() or not path.exists()):
            return path.with_name(f"{path.stem}.logs")
    return None


def relative_to(verdict: SuiteVerdict, folder: Path) -> SuiteVerdict:
    """Return the verdict with the paths of its logs relative to a folder; those elsewhere stay absolute."""
    base = folder.absolute()

    def relative(log: Path) -> str:
        return log.relative_to(base).as_posix() if log.is_relative_to(base) else str(log)

    return _with_paths(verdict, relative)


def located(verdict: SuiteVerdict, folder: Path) -> SuiteVerdict:
    """Return the verdict of a report that was read, with absolute paths of those of its logs that exist.

    Args:
        verdict: the verdict.
        folder: the report's folder.
    """

    def absolute(log: Path) -> str:
        path = folder.absolute() / log
        return str(path) if path.is_file() else ""

    return _with_paths(verdict, absolute)


def _with_paths(verdict: SuiteVerdict, changed: Callable[[Path], str]) -> SuiteVerdict:
    runs = [
        run.model_copy(update={"worker_log": changed(Path(run.worker_log))}) if run.worker_log else run
        for run in verdict.runs
    ]
    return verdict.model_copy(update={"runs": runs})
