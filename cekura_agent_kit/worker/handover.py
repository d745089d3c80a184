"""A value for Python's forkserver: what it is to import, once, before processes are forked from it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import current_process
from pathlib import Path
from typing import Final

_PATH: Final = "CEKURA_KIT_PYTHONPATH"
"""The value of PYTHONPATH that forked processes get."""


@contextmanager
def handed_over(name: str, value: str) -> Iterator[None]:
    """Set variables for a forkserver that is started in the block: the value, and where it finds this package.

    Args:
        name: of the variable. It is not in the environment of the processes that are forked.
        value: of the variable.
    """
    package = str(Path(__file__).parents[2])
    before = os.environ.get("PYTHONPATH", "")
    unchanged = dict(os.environ)
    os.environ |= {name: value, _PATH: before, "PYTHONPATH": os.pathsep.join(filter(None, [package, before]))}
    try:
        yield
    finally:
        set_environment(unchanged)


def taken(name: str) -> str | None:
    """Return the value in the forkserver itself, and take it out of the environment; None in every other process."""
    # A forked process has a name of its own. It must not repair, and so hide, what the forkserver failed to do.
    if name not in os.environ or current_process().name != "MainProcess":
        return None
    value, path = os.environ.pop(name), os.environ.pop(_PATH, "")
    os.environ.pop("PYTHONPATH", None)
    if path:
        os.environ["PYTHONPATH"] = path
    return value


def set_environment(wanted: Mapping[str, str]) -> None:
    """Make the environment of this process what is wanted."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in wanted.items() if os.environ.get(name) != value})
