"""Annotations of GitHub Actions: the verdict, and each run that did not pass."""

from __future__ import annotations

from typing import Final

from ..verdict import RunVerdict, SuiteVerdict, exceptions
from .phrases import cause, expected, headline, run_title
from .reasons import not_passed, reasons
from .sanitize import printable_line
from .tries_view import failed_tries

_LIMIT: Final = 10
"""Errors of one step that GitHub shows."""
_RAISED: Final = 3
"""Exceptions of tools in one annotation."""


def error_commands(verdict: SuiteVerdict) -> str:
    """Return ``::error`` commands, one a line: the verdict, then runs that did not pass. Empty if the suite passed."""
    if not verdict.exit_code:
        return ""
    hint = f"\nhint: {verdict.hint}" if verdict.hint else ""
    shown = [*failed_tries(verdict), *not_passed(verdict.runs)]
    lines = [_error(verdict.suite, headline(verdict) + hint)]
    lines += [_error(f"{run_title(run)}: {cause(run)}", _message(run)) for run in shown[: _LIMIT - 1]]
    return "\n".join(lines) + "\n"


def _message(run: RunVerdict) -> str:
    lines = [printable_line(reason, 1000) for reason in reasons(run)]
    lines += [f"expected: {printable_line(expected(run), 1000)}"] if expected(run) else []
    lines += [f"in a tool: {printable_line(each, 1000)}" for each in exceptions(run.transcript)[:_RAISED]]
    lines += [f"hint: {printable_line(run.hint, 1000)}"] if run.hint else []
    lines += [f"seed: {run.seed}"] if run.seed is not None and lines else []
    return "\n".join(lines) or cause(run)


def _error(name: str, message: str) -> str:
    # GitHub's own escapes: without them a comma or a new line would start another property or command.
    data = "\n".join(printable_line(line) for line in message.split("\n"))
    data = data.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    name = printable_line(name, 200).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::error title={name}::{data}"
