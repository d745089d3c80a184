"""`cekura-kit sweep`: delete rooms that a killed run left behind."""

from __future__ import annotations

from typing import Annotated

import typer

from .console import say


def sweep(
    suite_id: Annotated[
        str, typer.Option(metavar="ID", help="Delete all rooms of this run of a suite; its report has the id.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the rooms, and delete nothing.")] = False,
) -> None:
    """Delete the kit's rooms that are past their deadline.

    Exit codes: 0 no such room is left, 2 some could not be deleted.
    """
    from ..report.sanitize import console_line
    from ..trigger.settings import Settings
    from ..trigger.sweep import sweep as sweep_rooms
    from . import signals

    swept = signals.run(
        sweep_rooms(Settings.from_environment(cekura=False), suite_id=suite_id or None, dry_run=dry_run)
    )
    failed = dict(swept.failed)
    for room in swept.found:
        if dry_run:
            done = "would be deleted"
        else:
            done = f"not deleted: {failed[room.name]}" if room.name in failed else "deleted"
        suite = console_line(f"suite {room.suite} ({room.suite_id})", 200)
        say(f"{console_line(room.name)}  {suite}  {_age(room.overdue)}  {console_line(done)}")
    if not swept.found:
        say("There is no room to delete.")
    if failed:
        raise typer.Exit(2)


def _age(overdue: float) -> str:
    return f"{overdue:.0f} s past its deadline" if overdue > 0 else f"{-overdue:.0f} s before its deadline"
