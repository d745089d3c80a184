"""Imports of many modules at once."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from . import collection


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect no garbage in the block: see `collection.paused`.

    A replay needs a third less CPU. What the block has made is not searched later either, so that forked processes
    go on sharing it.
    """
    with collection.paused():
        try:
            yield
        finally:
            gc.freeze()


def import_all(names: Iterable[str]) -> None:
    """Import modules. Those that are missing or broken are left out: whoever needs one gets its error."""
    for name in names:
        with suppress(BaseException):
            importlib.import_module(name)


def open_native_library() -> None:
    """Open livekit's native library, if livekit is imported: that takes 0.2 s. Its threads start later."""
    with suppress(Exception):
        sys.modules["livekit.rtc._ffi_client"].get_ffi_lib()
