"""Evidence that the agent's side left in the room: exceptions of tools."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from cekura_agent_kit.report import github, html, junit, markdown, terminal
from cekura_agent_kit.verdict import SuiteVerdict

from .verdicts import judged


def on_terminal(verdict: SuiteVerdict) -> str:
    console = Console(file=io.StringIO(), width=200)
    terminal.render(verdict, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


FORMS: dict[str, Callable[[SuiteVerdict], str]] = {
    "json": SuiteVerdict.to_json,
    "terminal": on_terminal,
    "junit": junit.render,
    "markdown": markdown.render,
    "html": html.render,
    "github": github.error_commands,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_tools_exception_and_its_line_are_in_every_report(form: str) -> None:
    text = re.sub(r"\\(.)|<[^<>]*>|&#8203;", r"\1", FORMS[form](judged()))

    assert "ValueError: no such address" in text
    assert "tools/mail.py:41" in text
