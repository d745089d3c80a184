"""Options of `run` that narrow a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import ReportError

if TYPE_CHECKING:
    from ..trigger.narrowing import Narrowing
    from ..verdict import SuiteVerdict

_WHOLE: Final = "run the suite without --only-failed, or give a report of it with something that did not pass"
_PANEL = "Part of the suite: cases keep their numbers"

TagOption = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", rich_help_panel=_PANEL, help="Scenarios with this tag, or another one given."),
]
ScenarioOption = Annotated[
    list[int] | None,
    typer.Option("--scenario", metavar="ID", rich_help_panel=_PANEL, help="This scenario, or another one given."),
]
EntryOption = Annotated[
    list[str] | None,
    typer.Option("--entry", metavar="NAME", rich_help_panel=_PANEL, help="This entry of `runs`, or another one given."),
]
ExpressionOption = Annotated[
    str,
    typer.Option(
        "-k",
        metavar="EXPR",
        rich_help_panel=_PANEL,
        help="Words with and, or, not, searched in case, entry, mode, and the scenario's name, folder and tags.",
    ),
]
OnlyFailedOption = Annotated[
    Path | None,
    typer.Option(
        "--only-failed",
        metavar="FILE.json",
        rich_help_panel=_PANEL,
        help="The cases of this report that did not pass, in pools that did not. `report` merges both.",
    ),
]


def narrowing_of(
    tags: Sequence[str] | None,
    scenarios: Sequence[int] | None,
    entries: Sequence[str] | None,
    expression: str,
    *,
    only_failed: Path | None,
    json_file: Path | None,
    suite: str,
) -> Narrowing:
    """Return the options' conditions.

    Args:
        tags, scenarios, entries, expression, only_failed: of the options with these names.
        json_file: of `--json`.
        suite: name of the suite.

    Raises:
        SuiteError: the expression is not one.
        ReportError: the report is not one of the suite, is to be overwritten, or everything in it passed.
    """
    from ..trigger.expression import compiled
    from ..trigger.narrowing import Narrowing

    if expression:
        compiled(expression)
    narrowing = Narrowing(
        tags=tuple(tags or ()), scenarios=tuple(scenarios or ()), entries=tuple(entries or ()), expression=expression
    )
    if only_failed is None:
        return narrowing
    report = _earlier(only_failed, json_file, suite)
    cases = left_over(report)
    if not cases:
        raise ReportError(f"{only_failed}: everything passed, and nothing is left to run again", hint=_WHOLE)
    return replace(narrowing, cases=cases, report=str(only_failed), report_id=report.suite_id)


def _earlier(file: Path, json_file: Path | None, suite: str) -> SuiteVerdict:
    from .baseline import read_report

    report = read_report(file)
    if report.suite != suite:
        raise ReportError(f"{file}: is a report of another suite: {report.suite!r}, not {suite!r}", hint=_WHOLE)
    if json_file is not None and file.resolve() == json_file.resolve():
        raise ReportError(
            f"{file}: the new report would overwrite it",
            hint="give --json another file: `cekura-kit report OLD.json NEW.json` merges both",
        )
    return report


def left_over(report: SuiteVerdict) -> frozenset[str]:
    """Return the cases that did not pass, in pools that did not, and those that fail-fast or a try left out."""
    from ..verdict import Outcome, PoolId, SkipReason

    passed = {pool.id for pool in report.pools if pool.outcome is Outcome.PASSED}
    return frozenset(
        run.case
        for run in report.runs
        if (run.outcome in (Outcome.FAILED, Outcome.ERRORED) and PoolId.of(run) not in passed)
        or (run.outcome is Outcome.SKIPPED and run.reason in (SkipReason.FAIL_FAST, SkipReason.TRIED))
    )
