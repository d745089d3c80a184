"""Lines of the agent's own code: those that are in no library, and not the kit's."""

from __future__ import annotations

import functools
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

__tracebackhide__ = True

_KIT: Final = Path(__file__).parent
_LIBRARIES: Final = tuple(
    {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {_KIT}
)


@dataclass(frozen=True)
class Place:
    """Line of a function."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line} in {self.function}"


@functools.lru_cache(maxsize=2048)
def is_own(file: str) -> bool:
    """Return True if a file is the agent's or the test's own: in no library, and not the kit's."""
    if file.startswith("<"):
        return False
    path = Path(file).resolve()
    return "site-packages" not in path.parts and not any(path.is_relative_to(each) for each in _LIBRARIES)


def is_kit(file: str) -> bool:
    """Return True if a file is the kit's."""
    return Path(file).resolve().is_relative_to(_KIT)


def raised_at(error: BaseException) -> str:
    """Return the innermost line of the agent's own code that an error passed: ``tools/menu.py:41``.

    The path is relative to the current folder if it is below it. Empty if the error passed none.
    """
    own = [place for place in _traceback(error.__traceback__) if is_own(place.file)]
    return _shown(own[-1]) if own else ""


def place_in(traceback: TracebackType) -> str:
    """Return the outermost line of a traceback, as `raised_at` does."""
    return _shown(next(_traceback(traceback)))


def shown_path(path: str | Path) -> str:
    """Return a path relative to the current folder, if it is below it."""
    below = Path(os.path.relpath(path))
    return str(path if ".." in below.parts else below)


def _shown(place: Place) -> str:
    return f"{shown_path(place.file)}:{place.line}"


def _traceback(traceback: TracebackType | None) -> Iterator[Place]:
    """Yield the lines that an error passed, outermost first."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield Place(code.co_filename, traceback.tb_lineno, code.co_name)
        traceback = traceback.tb_next
