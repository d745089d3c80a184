"""The agent of a suite as a file on this machine, for commands that hold conversations with it in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import SuiteError

if TYPE_CHECKING:
    from ..trigger.plan.suite import Suite


def agent_of(suite: Suite | None, *, needed_by: str, option: str) -> str:
    """Return the agent that the suite's worker names, ``agent.py`` or ``agent.py:name``.

    Args:
        suite: None for none.
        needed_by: who needs it, for the error.
        option: names it otherwise.

    Raises:
        SuiteError: the worker is a command, or there is none.
    """
    from ..worker import target_of

    worker = suite.worker if suite is not None else None
    if found := target_of(worker):
        return found
    what = f"the suite's worker is a command: {worker}" if worker else "the suite has no worker"
    raise SuiteError(f"{what}, and {needed_by} needs the agent's file", hint=f"give it: {option} agent.py")
