"""A worker made for tests."""

from __future__ import annotations

import sys


def serve_command(target: str, *, idle: int, wrapped: bool) -> list[str]:
    """Return the command that serves an agent.

    Args:
        target: ``"agent.py"`` or ``"agent.py:name"``.
        idle: number of job processes that are kept ready.
        wrapped: refuse an agent without `wrap_entrypoint`.
    """
    words = [sys.executable, "-m", f"{__name__}.serve", target, "--idle", str(idle)]
    return words if wrapped else [*words, "--voice"]


def is_target(words: list[str]) -> bool:
    """Return True for the words of a suite's ``worker`` that name a Python file, and are no command."""
    if len(words) != 1:
        return False
    file, colon, name = words[0].rpartition(":")
    return (file if colon and name.isidentifier() else words[0]).endswith(".py")


def target_of(worker: str | None) -> str:
    """Return the agent that a suite's ``worker`` names, as in `serve_command`; empty for a command, or none."""
    return worker if worker and " " not in worker and is_target([worker]) else ""
