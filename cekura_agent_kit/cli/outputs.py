"""Delivery of a verdict: to the terminal, to the files that were asked for, and to GitHub Actions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from .. import collection
from ..errors import ReportError
from ..verdict import SuiteVerdict
from .console import Terminal, say, say_error, say_json
from .log_paths import relative_to

Form = Literal["json", "junit", "markdown", "html"]

_AGAIN: Final = "`cekura-kit report` renders a JSON report again"


def is_stdout(path: Path | None) -> bool:
    """Return True for ``-``: the report is printed on stdout, and everything else on stderr."""
    return path is not None and str(path) == "-"


def check_writable(files: Mapping[Form, Path | None]) -> None:
    """Check that each report can be written, before a suite costs money. Files that are there stay as they are.

    Raises:
        ReportError: a file cannot be written, or two reports have the same file.
    """
    seen: dict[Path, Form] = {}
    for form, path in files.items():
        if path is None:
            continue
        if is_stdout(path) and form == "json":
            continue
        if other := seen.get(path.resolve()):
            raise ReportError(
                f"{path}: given for the {other} and the {form} report", hint="give each report a file of its own"
            )
        seen[path.resolve()] = form
        if path.exists() and not path.is_file() and not path.is_dir():
            # A pipe or a device: its reader would take the check for the whole report.
            continue
        existed = path.exists()
        _write(path, "", form, mode="a")
        if not existed:
            with suppress(OSError):
                path.unlink()


def write_json(value: Any, path: Path, *, announced: bool = True) -> None:
    """Write a JSON value to a file, or print it on stdout for ``-``.

    Args:
        value: the value.
        path: the file.
        announced: print the file's name on stdout.

    Raises:
        ReportError: the file cannot be written.
    """
    if is_stdout(path):
        say_json(value)
    else:
        _write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", "json")
        if announced:
            say(f"json: {path}")


def deliver(
    verdict: SuiteVerdict, files: Mapping[Form, Path | None], console: Terminal, *, fail_on: str = "failed"
) -> int:
    """Print the verdict and write the files. What fails costs none of the others.

    Args:
        verdict: the verdict.
        files: the file of each form; None for a form that was not asked for.
        console: receives the verdict.
        fail_on: ``failed``, or ``new`` for what is worse than the baseline.

    Returns:
        The exit code: the verdict's, or 2 if a file could not be written.
    """
    from ..report.comparison_view import exit_code
    from .stdio import lost_output

    code = exit_code(verdict, fail_on=fail_on)
    written: list[tuple[Form, Path]] = []
    failures: list[ReportError] = []
    # Files first: whatever happens to the terminal, they are there.
    for form, path in files.items():
        if path is None or (is_stdout(path) and form == "json"):
            continue
        try:
            with collection.paused():
                _write(path, _rendered(relative_to(verdict, path.parent), form), form)
        except ReportError as error:
            failures.append(error)
            code = ReportError.exit_code
        else:
            written.append((form, path))
    on_stdout = is_stdout(files.get("json"))
    here = relative_to(verdict, Path.cwd())
    try:
        _print(here, console)
    except ReportError as error:
        failures.append(error)
    for form, path in written:
        say(f"{form}: {path}", err=on_stdout)
    if on_stdout:
        say_json(json.loads(here.to_json()))
    try:
        report_to_github(here, console)
    except ReportError as error:
        # Nobody asked for it by an option, so it does not change the exit code.
        failures.append(error)
    if lost := lost_output():
        failures.append(ReportError(f"standard output could not be written ({lost})", hint=_AGAIN))
    for failure in failures:
        say_error(failure)
    return code


def report_to_github(verdict: SuiteVerdict, console: Terminal, environment: Mapping[str, str] = os.environ) -> None:
    """Write the step's summary and the build's annotations, if GitHub Actions runs the command.

    Raises:
        ReportError: the summary cannot be rendered or written.
    """
    from ..report import github, markdown

    if environment.get("GITHUB_ACTIONS") == "true":
        annotations = _guarded(lambda: github.error_commands(verdict), "annotations")
        console.ci_commands(annotations)
    if summary := environment.get("GITHUB_STEP_SUMMARY"):
        text = _guarded(lambda: markdown.render(verdict, limit=markdown.SUMMARY_LIMIT), "markdown")
        _write(Path(summary), text, "markdown", mode="a")


def _print(verdict: SuiteVerdict, console: Terminal) -> None:
    from ..report import terminal

    def render() -> str:
        terminal.render(verdict, console)
        return ""

    _guarded(render, "terminal")


def _rendered(verdict: SuiteVerdict, form: Form) -> str:
    from ..report import html, junit, markdown

    renderings: dict[Form, Callable[[SuiteVerdict], str]] = {
        "json": lambda verdict: verdict.to_json() + "\n",
        "junit": junit.render,
        "markdown": markdown.render,
        "html": html.render,
    }
    return _guarded(lambda: renderings[form](verdict), form)


def _guarded(render: Callable[[], str], form: str) -> str:
    """Return the rendered report; a fault in its code becomes an error of this report alone."""
    try:
        return render()
    except Exception as error:
        if os.environ.get("CEKURA_KIT_DEBUG"):
            raise
        raise ReportError(
            f"the {form} report cannot be rendered: a fault in cekura-kit ({type(error).__name__})",
            hint="run `cekura-kit report` on the JSON report with CEKURA_KIT_DEBUG=1 to get a traceback, and report it",
        ) from None


def _write(path: Path, text: str, form: Form, *, mode: Literal["w", "a"] = "w") -> None:
    if is_stdout(path):
        raise ReportError(f"--{form} -: only JSON can be printed on stdout", hint="give a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ReportError(
            f"{path}: the {form} report cannot be written ({error.strerror})",
            hint=f"give a file in a folder that can be written to; {_AGAIN}",
        ) from None
