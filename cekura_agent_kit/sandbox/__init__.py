"""Everything that is hosted, on this machine: no key, no cloud.

`Sandbox` is all of it. Resolved on first use: the scenario files alone are read in milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .sandbox import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> Any:
    if name != "Sandbox":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .sandbox import Sandbox

    return Sandbox
