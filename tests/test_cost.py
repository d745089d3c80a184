"""Cost of runs: estimated from what was said, saved by what was skipped, and shown as an estimate in every report."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.report import html, junit, markdown, terminal
from cekura_agent_kit.report.cost_view import cost_summary
from cekura_agent_kit.report.merge import merged
from cekura_agent_kit.verdict import Cost, Line, RunVerdict, SuiteVerdict, Timeline
from tests.report.verdicts import FAILED, SKIPPED, run, suite


def talk(messages: int) -> list[Line]:
    return [line for n in range(messages) for line in (Line(role="evaluator", at=n), Line(role="agent", at=n + 0.5))]


def text(n: int, messages: int, **more: Any) -> RunVerdict:
    return run(n, transcript=talk(messages), **more)


def voice(n: int, seconds: float) -> RunVerdict:
    return run(n, scenario=31, mode=Mode.VOICE, timeline=Timeline(evaluator_joined=10.0, ended=10.0 + seconds))


def cost(*runs: RunVerdict, **more: Any) -> Cost:
    found = suite(*runs, **more).cost
    assert found is not None
    return found


def test_text_costs_by_messages_and_voice_by_minutes() -> None:
    found = cost(text(1, 4), text(2, 3), voice(3, 90))
    assert (found.runs, found.messages, found.minutes, found.credits, found.unknown) == (3, 7, 1.5, 11.0, 0)


def test_what_was_not_started_costs_nothing_and_what_is_not_known_is_counted() -> None:
    unknown = run(2, transcript=[], timeline=Timeline(evaluator_joined=1.0))
    never_came = run(3, transcript=[], timeline=Timeline(started=1.0))
    found = cost(text(1, 4, run_id=None), unknown, never_came)
    assert (found.runs, found.credits, found.unknown) == (2, 0, 1)


def test_what_was_skipped_is_saved_by_the_mean_of_its_pool() -> None:
    skipped = [run(n, SKIPPED, reason="decided", run_id=None, transcript=[]) for n in (3, 4, 5)]
    fail_fast = run(6, SKIPPED, reason="fail_fast", run_id=None, transcript=[])
    found = cost(text(1, 4), run(2, FAILED, transcript=talk(2)), *skipped, fail_fast)
    assert (found.credits, found.saved) == (3.0, 4.5)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "about 3.5 credits (estimated: 7 messages of the evaluator in 2 runs)"),
        (
            {"billed": False},
            "on Cekura about 3.5 credits (estimated: 7 messages of the evaluator in 2 runs); here nothing",
        ),
        ({"balance": (1200.0, None)}, "; balance 1,200 before"),
        ({"balance": (1200.0, 1196.5)}, "; balance 1,200 before, 1,196.5 after"),
    ],
)
def test_every_report_shows_it_and_calls_it_an_estimate(more: dict[str, Any], said: str) -> None:
    verdict = suite(text(1, 4), text(2, 3), **more)
    assert said in cost_summary(verdict.cost)
    console = Console(file=io.StringIO(), width=300)
    terminal.render(verdict, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for report in (shown, markdown.render(verdict), html.render(verdict), junit.render(verdict)):
        assert said in report
    assert SuiteVerdict.from_json(verdict.to_json()).cost == verdict.cost


def test_a_merged_report_has_the_cost_of_all_and_the_first_and_the_last_balance() -> None:
    one = suite(text(1, 4), started_at="2026-10-05T09:00:00+00:00", balance=(100.0, 98.0))
    two = suite(text(2, 3), started_at="2026-10-05T09:30:00+00:00", balance=(98.0, 96.5))
    found = merged([two, one]).cost
    assert found is not None
    assert (found.credits, found.balance_before, found.balance_after) == (3.5, 100.0, 96.5)


def test_nothing_is_said_of_what_never_started() -> None:
    assert cost_summary(cost(run(1, SKIPPED, reason="fail_fast", run_id=None))) == ""
    assert cost_summary(None) == ""
