"""`cekura-kit worker TARGET`: serve an agent for tests."""

from __future__ import annotations

import os
from typing import Annotated

import typer


def worker(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The agent's file, or FILE:NAME.")],
    idle: Annotated[int, typer.Option("--idle", min=1, help="Number of job processes that are kept ready.")] = 2,
    voice: Annotated[
        bool, typer.Option("--voice", help="Accept an agent without wrap_entrypoint, which runs in voice alone.")
    ] = False,
) -> None:
    """Serve an agent as `python agent.py start` does, for tests: job processes start quickly, and no load stops them.

    A suite does this itself with `worker: agent.py`.
    """
    from ..worker import serve_command

    words = serve_command(target, idle=idle, wrapped=not voice)
    # In place of this process, whose main program every job process would import.
    os.execv(words[0], words)
