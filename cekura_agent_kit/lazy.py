"""Public names that are imported on first use, so that importing a package costs milliseconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attach(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` for a package whose public names are imported on first use.

    Args:
        package: the package's ``__name__``.
        homes: each public name, and the module that defines it, relative to the package:
            ``{"Suite": ".trigger.plan.suite"}``.

    Returns:
        The two functions, to be assigned in the package's ``__init__``.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name], package), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names
