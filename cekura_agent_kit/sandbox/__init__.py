"""Everything hosted, on this machine: no key, no cloud. `Sandbox` is all of it; `Faults` makes it fail on request.

Its names are imported on first use: reading scenario files alone takes milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from .cekura.faults import Faults
    from .sandbox import Sandbox

__all__ = ["Faults", "Sandbox"]

__getattr__, __dir__ = attach(__name__, {"Faults": ".cekura.faults", "Sandbox": ".sandbox"})
