"""`cekura-kit report FILE.json …`: render JSON reports again, and merge shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..verdict import SuiteVerdict


def report(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.json …", help="JSON reports of `cekura-kit run`.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the merged JSON report; - prints it.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a JUnit report.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a Markdown report.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an HTML report.")] = None,
) -> None:
    """Render JSON reports again. Several reports of one suite, such as its shards, are merged.

    The exit code is the verdict's, as with `run`: 0 all passed, 1 some failed, 2 some errored or a shard is missing.
    """
    from ..report.merge import merged
    from . import signals
    from .console import terminal
    from .outputs import Form, deliver, is_stdout

    verdict = merged([_read(file) for file in files])
    wanted: dict[Form, Path | None] = {"json": json_file, "junit": junit, "markdown": markdown, "html": html}
    with signals.deferred():
        code = deliver(verdict, wanted, terminal(stderr=is_stdout(json_file)))
    raise typer.Exit(code)


def _read(file: Path) -> SuiteVerdict:
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
