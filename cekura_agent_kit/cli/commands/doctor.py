"""`cekura-kit doctor [SUITE]`: check everything that a run needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..console import say

if TYPE_CHECKING:
    from ...trigger.doctor.check import Check

_MARKS: Final = {"ok": "ok     ", "warning": "warning", "failed": "FAILED ", "skipped": "skipped"}


def doctor(
    suite: Annotated[
        Path | None,
        typer.Argument(metavar="[SUITE]", help="Suite file or its folder. Default: cekura.yaml, if it exists."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the checks as JSON; - prints them.")
    ] = None,
) -> None:
    """Check keys, addresses, scenarios, worker and agent. Nothing is billed.

    Exit codes: 0 all checks passed, 2 some failed.
    """
    from dataclasses import asdict
    from functools import partial

    from ...trigger.doctor.doctor import examine
    from ...trigger.plan.suite import Suite
    from .. import signals
    from ..log_paths import folder_beside
    from ..option_values import suite_here
    from ..outputs import check_writable, is_stdout, write_json

    given = suite_here(suite)
    loaded = Suite.load(given) if given is not None else None
    on_stdout = is_stdout(json_file)
    check_writable({"json": json_file})
    checks = signals.run(examine(loaded, on_check=partial(_show, err=on_stdout), log_folder=folder_beside([json_file])))
    failed = [check for check in checks if check.outcome == "failed"]
    if loaded is None:
        say("Give a suite to check its scenarios, its worker and its agent.", err=on_stdout)
    if json_file is not None:
        write_json({"version": 1, "ok": not failed, "checks": [asdict(check) for check in checks]}, json_file)
    if failed:
        raise typer.Exit(2)


def _show(check: Check, *, err: bool) -> None:
    from ...report.sanitize import console_line

    lines = [f"{_MARKS[check.outcome]}  {check.name:<12}  {console_line(check.detail)}"]
    if check.outcome in ("failed", "warning") and check.hint:
        lines.append(f"{'':<23}hint: {console_line(check.hint)}")
    if check.worker_log:
        lines.append(f"{'':<23}worker log: {console_line(check.worker_log)}")
    say("\n".join(lines), err=err)
