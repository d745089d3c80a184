"""Imports of many modules at once."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect no garbage in the block: while modules are imported there is none, and to search for it takes time.

    A replay needs a third less CPU. What the block has made is not searched later either, so that forked processes
    go on sharing it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def import_all(names: Iterable[str]) -> None:
    """Import modules. Those that are missing or broken are left out: whoever needs one gets its error."""
    for name in names:
        with suppress(BaseException):
            importlib.import_module(name)
