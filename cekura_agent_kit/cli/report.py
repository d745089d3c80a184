"""`cekura-kit report FILE.json …`: render JSON reports again, and merge shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .baseline import BaselineOption, FailOnOption


def report(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.json …", help="JSON reports of `cekura-kit run`.")],
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

    The exit code is the verdict's, as with `run`: 0 all passed, 1 some failed, 2 some errored or a shard is missing.
    With --baseline the report is compared with earlier ones.
    """
    from ..report.merge import merged
    from . import signals
    from .baseline import compared_with, read_baselines, read_report
    from .console import terminal
    from .outputs import Form, deliver, is_stdout

    baselines = read_baselines(baseline, fail_on=fail_on)
    verdict = compared_with(merged([read_report(file) for file in files]), baselines)
    wanted: dict[Form, Path | None] = {"json": json_file, "junit": junit, "markdown": markdown, "html": html}
    with signals.deferred():
        code = deliver(verdict, wanted, terminal(stderr=is_stdout(json_file)), fail_on=fail_on)
    raise typer.Exit(code)
