"""`cekura-kit worker TARGET`: serve an agent for tests."""

from __future__ import annotations

from typing import Annotated, Final

import typer

_DRAIN: Final = 3
"""Seconds from a signal until jobs that still run are shut down. livekit-agents' own limit is 30 minutes."""


def worker(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The agent's file, or FILE:NAME.")],
    idle: Annotated[int, typer.Option("--idle", min=1, help="Number of job processes that are kept ready.")] = 2,
    voice: Annotated[
        bool, typer.Option("--voice", help="Accept an agent without wrap_entrypoint, which runs in voice alone.")
    ] = False,
) -> None:
    """Serve an agent as `python agent.py start` does, for tests: job processes start quickly, and no load stops them.

    A suite does this itself with `worker: agent.py`. After Ctrl-C, SIGTERM or SIGHUP its jobs have 3 s to end,
    and their shutdown callbacks 10 s more. The exit code is 130, 143 or 129.
    """
    from ...worker import serve_command
    from .. import signals

    # Every job process imports the main program again, so it is not this one.
    words = [*serve_command(target, idle=idle, wrapped=not voice), "--drain", str(_DRAIN)]
    raise typer.Exit(signals.run(signals.guarded(words)))
