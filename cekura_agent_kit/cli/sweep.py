"""`cekura-kit sweep`: rooms that a trigger left behind."""

from __future__ import annotations

from typing import Annotated

import typer


def sweep(
    suite_id: Annotated[
        str, typer.Option(metavar="ID", help="All rooms of this run of a suite, as its report names it.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List them, and delete nothing.")] = False,
) -> None:
    """Delete rooms of ours past their deadline: 0 none is left, 2 some could not be deleted."""
    import asyncio

    from ..trigger.settings import Settings
    from ..trigger.sweep import sweep as sweep_rooms

    swept = asyncio.run(
        sweep_rooms(Settings.from_environment(cekura=False), suite_id=suite_id or None, dry_run=dry_run)
    )
    failed = dict(swept.failed)
    for room in swept.found:
        if dry_run:
            done = "would be deleted"
        else:
            done = f"not deleted: {failed[room.name]}" if room.name in failed else "deleted"
        typer.echo(f"{room.name}  suite {room.suite} ({room.suite_id})  {_age(room.overdue)}  {done}")
    if not swept.found:
        typer.echo("No room of ours is left.")
    if failed:
        raise typer.Exit(2)


def _age(overdue: float) -> str:
    return f"{overdue:.0f} s past its deadline" if overdue > 0 else f"{-overdue:.0f} s before its deadline"
