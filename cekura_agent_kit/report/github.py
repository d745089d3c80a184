"""Annotations: what did not pass, as GitHub Actions shows it beside the build."""

from __future__ import annotations

from typing import Final

from ..verdict import RunVerdict, SuiteVerdict
from .phrases import because, blame, headline, not_passed, title
from .sanitize import one_line

_SHOWN: Final = 10
"""Errors of one step that GitHub shows."""


def error_commands(verdict: SuiteVerdict) -> str:
    """``::error`` commands, one line each: the verdict, then runs that did not pass. Empty where all is well."""
    if not verdict.exit_code:
        return ""
    hint = f"\nhint: {verdict.hint}" if verdict.hint else ""
    shown = not_passed(verdict)
    lines = [_error(verdict.suite, headline(verdict) + hint)]
    lines += [_error(f"{title(run)}: {blame(run)}", _message(run)) for run in shown[: _SHOWN - 1]]
    return "\n".join(lines) + "\n"


def _message(run: RunVerdict) -> str:
    lines = [one_line(reason, 1000) for reason in because(run)]
    lines += [f"expected: {one_line(run.expected_outcome, 1000)}"] if run.expected_outcome else []
    lines += [f"hint: {one_line(run.hint, 1000)}"] if run.hint else []
    return "\n".join(lines) or blame(run)


def _error(name: str, message: str) -> str:
    # GitHub's own escapes: without them a comma or a new line would begin another property or command.
    data = "\n".join(one_line(line) for line in message.split("\n"))
    data = data.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    name = one_line(name, 200).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::error title={name}::{data}"
