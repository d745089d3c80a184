"""Options for a comparison with earlier reports, and JSON reports read from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..trigger.plan.planned_run import PlannedRun
    from ..trigger.plan.suite import Suite
    from ..verdict import SuiteVerdict

_PANEL = "Comparison"

BaselineOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--baseline",
        metavar="FILE.json",
        rich_help_panel=_PANEL,
        help="Compare with this earlier JSON report. Given several times, their runs add up.",
    ),
]
FailOnOption = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="failed|new",
        rich_help_panel=_PANEL,
        help="Exit with 1 for what failed, or only for what is worse than the baseline.",
    ),
]


def read_report(file: Path) -> SuiteVerdict:
    """Read a JSON report.

    Raises:
        ReportError: the file cannot be read, or is not a report.
    """
    from ..errors import ReportError
    from ..verdict import SuiteVerdict
    from .log_paths import located

    try:
        text = file.read_bytes()
    except OSError as error:
        raise ReportError(
            f"{file}: cannot be read ({error.strerror})", hint="give a file that `cekura-kit run --json` wrote"
        ) from None
    return located(SuiteVerdict.from_json(text, source=str(file)), file.parent)


def read_baselines(files: Sequence[Path] | None, *, fail_on: str) -> list[SuiteVerdict]:
    """Read the baselines.

    Args:
        files: of `--baseline`.
        fail_on: of `--fail-on`.

    Raises:
        ReportError: a file cannot be read, or is not a report; a report is given twice; or the options do not fit.
    """
    from ..errors import ReportError

    if fail_on not in ("failed", "new"):
        raise ReportError(f"--fail-on is {fail_on!r}", hint="write `failed` or `new`")
    if fail_on == "new" and not files:
        raise ReportError("--fail-on new needs a baseline", hint="add --baseline with an earlier JSON report")
    baselines: list[SuiteVerdict] = []
    for file in files or ():
        baseline = read_report(file)
        if baseline in baselines:
            # Its runs would count twice, as if there were more evidence.
            raise ReportError(
                f"{file}: the same report as {(files or ())[baselines.index(baseline)]}",
                hint="give each baseline once: their runs add up",
            )
        baselines.append(baseline)
    return baselines


def baselines_of(
    files: Sequence[Path] | None, *, fail_on: str, suite: Suite, plan: Sequence[PlannedRun]
) -> list[SuiteVerdict]:
    """Read the baselines of a suite that is about to be run. What they cannot tell is known before it costs money.

    Raises:
        ReportError: as `read_baselines`; or a baseline is of another suite, or has no run in its modes.
    """
    from ..report.compare import require_comparable

    baselines = read_baselines(files, fail_on=fail_on)
    for baseline in baselines:
        require_comparable(baseline, suite=suite.name, modes={run.mode for run in plan})
    return baselines


def compared_with(verdict: SuiteVerdict, baselines: Sequence[SuiteVerdict]) -> SuiteVerdict:
    """Return the report with its comparison; as it is, without baselines."""
    from ..report.compare import compared

    return compared(verdict, baselines) if baselines else verdict
