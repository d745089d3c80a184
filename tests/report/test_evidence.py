"""Evidence that the agent's side left in the room: exceptions of tools."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from cekura_agent_kit.report import github, html, junit, markdown, terminal
from cekura_agent_kit.report.merge import merged
from cekura_agent_kit.verdict import PlayedCaller, SuiteVerdict

from .verdicts import FAILED, judged, run, suite


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


def words(form: str, verdict: SuiteVerdict) -> str:
    """Return what a form shows of a verdict, without its markup."""
    text = FORMS[form](verdict)
    return text if form in ("json", "junit") else re.sub(r"\\(.)|<[^<>]*>|&#8203;", r"\1", text)


@pytest.mark.parametrize("form", FORMS)
def test_a_tools_exception_and_its_line_are_in_every_report(form: str) -> None:
    text = words(form, judged())

    assert "ValueError: no such address" in text
    assert "tools/mail.py:41" in text


@pytest.mark.parametrize("form", [form for form in FORMS if form != "github"])
def test_a_kept_log_and_a_note_on_the_suite_are_in_every_report(form: str) -> None:
    text = words(form, judged())

    assert "logs/30#2.log" in text
    assert "scenario 32 has no metric: only the call" in text


@pytest.mark.parametrize("form", ["terminal", "junit", "markdown", "html"])
def test_the_model_that_played_the_caller_is_named(form: str) -> None:
    played = PlayedCaller(model="small-model", prompts="caller 1, outcome 2", turns=1, tokens=812)
    text = words(form, suite(run(outcome=FAILED, played_caller=played), run(2, outcome=FAILED)))

    assert text.count("played by small-model (prompts caller 1, outcome 2), 1 turn, 812 tokens") == 1
    assert text.count("played by") == 1


@pytest.mark.parametrize("form", FORMS)
def test_the_seeds_are_in_every_report_so_that_a_fake_can_be_reproduced(form: str) -> None:
    verdict = suite(run(outcome=FAILED, seed=4711), run(2, outcome=FAILED), seed=1213)
    shown = words(form, verdict)

    assert "4711" in shown
    assert form == "github" or "1213" in shown
    assert "4711" not in words(form, suite(run(outcome=FAILED), run(2, outcome=FAILED)))


def test_reports_that_are_merged_have_the_seed_if_it_is_one() -> None:
    one, same, other = (suite(run(n), seed=seed, suite_id=str(n)) for n, seed in ((1, 5), (2, 5), (3, 6)))
    assert merged([one, same]).seed == 5
    assert merged([one, other]).seed is None
