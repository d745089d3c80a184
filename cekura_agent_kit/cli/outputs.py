"""Where a verdict goes: the terminal, the files that were asked for, and GitHub where it runs us."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import typer
from rich.console import Console

from ..errors import ReportError
from ..verdict import SuiteVerdict

Form = Literal["json", "junit", "markdown", "html"]


def deliver(verdict: SuiteVerdict, files: Mapping[Form, Path | None], console: Console) -> int:
    """Show the verdict, then write the files: one that cannot be written hides neither the verdict nor the others.

    Args:
        verdict: what to tell.
        files: by form; None for a form that nobody asked for.
        console: where the verdict is shown.

    Returns:
        The exit code: the verdict's, or 2 where a file could not be written.
    """
    from ..report.terminal import render
    from . import complain

    render(verdict, console)
    code = verdict.exit_code
    for form, path in files.items():
        if path is None:
            continue
        try:
            _write(path, _rendered(verdict, form), form)
        except ReportError as error:
            complain(error)
            code = ReportError.exit_code
        else:
            typer.echo(f"{form}: {path}")
    try:
        tell_github(verdict, console)
    except ReportError as error:
        # Not what the caller asked for: no reason to change a verdict.
        complain(error)
    return code


def tell_github(verdict: SuiteVerdict, console: Console, environment: Mapping[str, str] = os.environ) -> None:
    """The summary of the step and the annotations of the build, where GitHub Actions runs us; else nothing.

    Raises:
        ReportError: the summary's file cannot be written.
    """
    from ..report import github, markdown

    if environment.get("GITHUB_ACTIONS") == "true":
        console.out(github.error_commands(verdict), end="", highlight=False)
    if summary := environment.get("GITHUB_STEP_SUMMARY"):
        _write(Path(summary), markdown.render(verdict, limit=markdown.SUMMARY_LIMIT), "markdown", mode="a")


def _rendered(verdict: SuiteVerdict, form: Form) -> str:
    from ..report import html, junit, markdown

    renderings: dict[Form, Callable[[SuiteVerdict], str]] = {
        "json": lambda verdict: verdict.to_json() + "\n",
        "junit": junit.render,
        "markdown": markdown.render,
        "html": html.render,
    }
    return renderings[form](verdict)


def _write(path: Path, text: str, form: Form, *, mode: Literal["w", "a"] = "w") -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ReportError(
            f"{path}: the {form} report cannot be written ({error.strerror})",
            hint="give a file in a folder that can be written to; `cekura-kit report` renders a JSON report again",
        ) from None
