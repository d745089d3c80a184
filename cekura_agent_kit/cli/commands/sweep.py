"""`cekura-kit sweep`: end the runs and delete the rooms that a killed run left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..console import say

if TYPE_CHECKING:
    from ...trigger.sweep import KitRoom, Swept


def sweep(
    suite_id: Annotated[
        str,
        typer.Option(metavar="ID", help="Take the rooms of this run of a suite, due or not; its report has the id."),
    ] = "",
    room: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take this room, due or not. Can be given several times.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the rooms; end and delete nothing.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the rooms as JSON; - prints them.")
    ] = None,
) -> None:
    """Delete the kit's rooms that are past their deadline, and end their runs on Cekura; list its other rooms.

    A room without a deadline, made again by LiveKit after its deletion, is due 24 hours after its creation.

    Exit codes: 0 no room of the kit's is left; with --suite-id or --room, none of those. 1 some are left that are not
    due, and may be in use. 2 some could not be deleted, or their runs not ended.
    """
    import time

    from ...trigger.settings.settings import Settings
    from ...trigger.sweep import sweep as sweep_rooms
    from .. import signals
    from ..outputs import check_writable, is_stdout, write_json

    names = room or []
    check_writable({"json": json_file})
    settings = Settings.from_environment(cekura=False)
    swept = signals.run(sweep_rooms(settings, suite_id=suite_id or None, rooms=names, dry_run=dry_run))
    listed = swept.chosen if suite_id or names else (*swept.chosen, *swept.others)
    left = [each for each in listed if each.state != "deleted"]
    now, err = time.time(), is_stdout(json_file)
    for each in listed:
        _show(each, now, doomed=dry_run and each in swept.chosen, err=err)
    _advise(swept, left, chosen_only=bool(suite_id or names), err=err)
    if json_file is not None:
        write_json({"version": 1, "left": len(left), "rooms": [_as_json(each) for each in listed]}, json_file)
    if swept.failures:
        raise typer.Exit(2)
    if left:
        raise typer.Exit(1)


def _show(room: KitRoom, now: float, *, doomed: bool, err: bool) -> None:
    from ...report.sanitize import console_line

    suite = f"suite {room.suite} ({room.suite_id})" if room.suite_id else "no mark of its suite"
    due = f"due in {_span(room.due - now)}" if room.due > now else f"due since {_span(now - room.due)}"
    parts = [console_line(room.name), console_line(suite, 200), f"made {_span(now - room.made)} ago, {due}"]
    parts.append("would be deleted" if doomed else {"failed": "not deleted: " + room.error}.get(room.state, room.state))
    if room.run_id is not None and room.state != "left":
        ended = f"could not be ended: {room.run_error}" if room.run_error else "ended"
        parts.append(f"run {room.run_id} {ended}")
    if room.unproven:
        parts.append("its run is not ended: there is no proof that cekura-kit wrote its id")
    say("  ".join(console_line(part, 300) for part in parts), err=err)


def _advise(swept: Swept, left: list[KitRoom], *, chosen_only: bool, err: bool) -> None:
    """Print how many rooms are left, and the command that deletes them now."""
    import shlex

    from ...counting import counted
    from ...report.sanitize import console_line

    if not left:
        say("None of these rooms is left." if chosen_only else "No room of cekura-kit is left.", err=err)
        return
    waiting = [] if chosen_only else swept.others
    if waiting:
        say(f"{counted(len(waiting), 'room')} not due yet: a run may be using it. To delete it now:", err=err)
    ids = dict.fromkeys(room.suite_id for room in waiting if room.suite_id)
    for suite_id in ids:
        say(f"  cekura-kit sweep --suite-id {console_line(shlex.quote(suite_id), 300)}", err=err)
    for room in waiting:
        if not room.suite_id:
            say(f"  cekura-kit sweep --room {room.name}", err=err)


def _as_json(room: KitRoom) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(room)


def _span(seconds: float) -> str:
    """Return a time span in its largest unit: ``40 s``, ``25 min``, ``3 h``, ``2 days``."""
    for size, unit in ((172800, "days"), (7200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'days': 86400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
