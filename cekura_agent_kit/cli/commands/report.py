"""`cekura-kit report`: render JSON reports again, merge them, or make one from results on Cekura."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import ReportError
from ..baseline import BaselineOption, FailOnOption

if TYPE_CHECKING:
    from ...verdict import SuiteVerdict


def report(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE.json …]", help="JSON reports of `cekura-kit run`.")
    ] = None,
    result: Annotated[
        list[int] | None,
        typer.Option(
            "--result", metavar="ID", help="Make the report of this result on Cekura, and of any other one given."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the suite, with --result. Default: the result's.")] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the merged JSON report; - prints it.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a JUnit report.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a Markdown report.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an HTML report.")] = None,
    baseline: BaselineOption = None,
    fail_on: FailOnOption = "failed",
) -> None:
    """Render JSON reports again. Several reports of one suite, such as its shards, are merged.

    --result makes the report of a suite whose command was lost, such as a cancelled CI job, from what Cekura has of it.
    `run` prints the ids of its results as soon as they are known.

    The exit code is the verdict's, as with `run`: 0 all passed, 1 some failed, 2 some errored or a shard is missing.
    With --baseline the report is compared with earlier ones.
    """
    from ... import collection
    from ...report.merge import merged
    from .. import signals
    from ..baseline import compared_with, read_baselines, read_report
    from ..console import terminal
    from ..outputs import Form, deliver, is_stdout

    with collection.paused():
        baselines = read_baselines(baseline, fail_on=fail_on)
    if bool(files) == bool(result):
        raise ReportError(
            "give JSON reports, or results of Cekura" + (", not both" if files else ""),
            hint="`cekura-kit report a.json b.json`, or `cekura-kit report --result 9001 --result 9002`",
        )
    if result:
        read = _recalled(result, name)
    else:
        with collection.paused():
            read = merged([read_report(file) for file in files or ()])
    verdict = compared_with(read, baselines)
    wanted: dict[Form, Path | None] = {"json": json_file, "junit": junit, "markdown": markdown, "html": html}
    with signals.deferred():
        code = deliver(verdict, wanted, terminal(stderr=is_stdout(json_file)), fail_on=fail_on)
    raise typer.Exit(code)


def _recalled(results: Sequence[int], name: str) -> SuiteVerdict:
    from ...trigger.recalled import recall
    from ...trigger.settings.settings import Settings
    from .. import signals

    return signals.run(recall(results, Settings.from_environment(livekit=False), name=name))
