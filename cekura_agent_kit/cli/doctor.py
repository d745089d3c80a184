"""`cekura-kit doctor [SUITE]`: check everything that a run needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .console import say, say_json

if TYPE_CHECKING:
    from ..trigger.check import Check

_MARKS: Final = {"ok": "ok     ", "warning": "warning", "failed": "FAILED ", "skipped": "skipped"}


def doctor(
    suite: Annotated[
        Path | None,
        typer.Argument(metavar="[SUITE]", help="Suite file or its folder. Default: cekura.yaml, if it exists."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
) -> None:
    """Check keys, addresses, scenarios, worker and agent. Nothing is billed.

    Exit codes: 0 all checks passed, 2 some failed.
    """
    import asyncio
    import dataclasses

    from ..trigger.doctor import examine
    from ..trigger.suite import DEFAULT_FILE, Suite

    if suite is None and Path(DEFAULT_FILE).exists():
        suite = Path(DEFAULT_FILE)
    loaded = Suite.load(suite) if suite is not None else None
    checks = asyncio.run(examine(loaded, on_check=(lambda _: None) if as_json else _show))
    failed = [check for check in checks if check.outcome == "failed"]
    if as_json:
        report = {"version": 1, "ok": not failed, "checks": [dataclasses.asdict(check) for check in checks]}
        say_json(report)
    elif loaded is None:
        say("Give a suite to check its scenarios, its worker and its agent.")
    if failed:
        raise typer.Exit(2)


def _show(check: Check) -> None:
    from ..report.sanitize import console_line

    say(f"{_MARKS[check.outcome]}  {check.name:<12}  {console_line(check.detail)}")
    if check.outcome in ("failed", "warning") and check.hint:
        say(f"{'':<23}hint: {console_line(check.hint)}")
