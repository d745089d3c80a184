"""Test LiveKit voice agents with Cekura, from the agent's own repo.

The names below are resolved on first use, so that importing the package costs nothing in production.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .agent.call import Call, current_call
    from .agent.entrypoint import wrap_entrypoint
    from .contract import Mode
    from .errors import KitError
    from .trigger.settings import Settings
    from .trigger.suite import Suite
    from .trigger.suite_run import run_suite
    from .verdict import Kind, Outcome, RunVerdict, SuiteVerdict

__all__ = [
    "Call",
    "Kind",
    "KitError",
    "Mode",
    "Outcome",
    "RunVerdict",
    "Settings",
    "Suite",
    "SuiteVerdict",
    "current_call",
    "run_suite",
    "wrap_entrypoint",
]

_HOME = {
    "Call": ".agent.call",
    "Kind": ".verdict",
    "KitError": ".errors",
    "Mode": ".contract",
    "Outcome": ".verdict",
    "RunVerdict": ".verdict",
    "Settings": ".trigger.settings",
    "Suite": ".trigger.suite",
    "SuiteVerdict": ".verdict",
    "current_call": ".agent.call",
    "run_suite": ".trigger.suite_run",
    "wrap_entrypoint": ".agent.entrypoint",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOME[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
