"""The verdict on a terminal or in a log: every run that did not pass in full, and the verdict at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

from ..counting import counted
from ..verdict import Outcome, RunVerdict, SuiteVerdict, exceptions
from . import comparison_view
from .cost_view import cost_summary
from .durations import latency_summary, seconds
from .phrases import (
    caller_model,
    cause,
    check_result,
    entry_name,
    expected,
    headline,
    kinds_of,
    metric_result,
    outcome_counts,
    pool_title,
    rate_summary,
    run_title,
)
from .reasons import main_reason, not_passed, reasons, turning_point
from .sanitize import console_line, console_text, printable_line, web_address
from .transcript_lines import transcript_lines
from .tries_view import failed_tries, tried

MARKS: Final = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.ERRORED: "!", Outcome.SKIPPED: "-"}
STYLES: Final = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.ERRORED: "yellow", Outcome.SKIPPED: "dim"}

_IN_FULL: Final = 20
"""Runs shown with reasons and transcript; later ones have one line each, and the other reports have all of them."""
_CASES: Final = 5
"""Cases named with a note that several runs share."""
_RAISED: Final = 5
"""Exceptions of tools shown of one run; its transcript has all."""
_LINES_BEFORE: Final = 4
_LINES_AFTER: Final = 2
_LABEL_WIDTH: Final = 11


def render(verdict: SuiteVerdict, console: Console) -> None:
    """Print the verdict. Texts of others are printed as text: no markup, no control characters, no CI commands.

    Lines are wrapped on a terminal only; the lines of a log stay whole, so that it can be searched.
    """
    shown = [*failed_tries(verdict), *not_passed(verdict.runs)]
    for run in shown[:_IN_FULL]:
        _print_run(run, console)
    for run in shown[_IN_FULL:]:
        _print(console, _heading(run), f" {console_line(main_reason(run), 200)}")
    if shown:
        _print(console)
    _print_notes(verdict, console)
    _print_tries(verdict, console)
    _print_pools(verdict, console)
    _print_comparison(verdict, console)
    _print_summary(verdict, console)


def finished(run: RunVerdict, took: float | None) -> Text:
    """Return one line for a run whose verdict is known. ``took`` is in seconds."""
    line = Text.assemble(
        (f"{MARKS[run.outcome]} {run.outcome.value:<7}", STYLES[run.outcome]),
        f"  {console_line(run_title(run))}  ",
        (run.mode.value + (f"  {seconds(took)}" if took is not None else ""), "dim"),
    )
    if reason := main_reason(run):
        line.append(f"  {console_line(reason, 200)}")
    return line


def on_terminal(console: Console) -> bool:
    """Return True if the console is a terminal. With FORCE_COLOR, set by CI services, rich mistakes a log for one."""
    isatty = getattr(console.file, "isatty", lambda: False)
    return console.is_interactive and bool(isatty())


def _print_run(run: RunVerdict, console: Console) -> None:
    _print(console)
    _print(console, _heading(run))
    for reason in reasons(run):
        _field(console, "because", reason)
    if outcome := expected(run):
        _field(console, "expected", printable_line(outcome))
    if run.hint:
        _field(console, "hint", printable_line(run.hint))
    if run.metrics:
        results = (f"{printable_line(each.name, 60)}: {metric_result(each)}" for each in run.metrics)
        _field(console, "metrics", printable_line(" · ".join(results)))
    if run.checks:
        results = (f"{printable_line(each.name, 60)}: {check_result(each)}" for each in run.checks)
        _field(console, "checks", printable_line(" · ".join(results)))
    excerpt = list(_excerpt(run))
    for raised in _exceptions_beside(run, excerpt):
        _field(console, "in a tool", raised)
    for n, line in enumerate(excerpt):
        _field(console, "" if n else "transcript", *line)
    for note in run.notes:
        _field(console, "note", printable_line(note))
    if model := caller_model(run):
        _field(console, "caller", f"played by {model}")
    if run.ended_reason:
        _field(console, "ended", printable_line(run.ended_reason))
    if run.worker_log:
        _field(console, "worker log", printable_line(run.worker_log))
    ids = [f"run {run.run_id}" if run.run_id is not None else ""]
    ids += [f"room {printable_line(run.room)}" if run.room else ""]
    ids += [f"seed {run.seed}" if run.seed is not None else ""]
    if any(ids):
        _field(console, "ids", " · ".join(each for each in (*ids, web_address(run.url)) if each))


def _exceptions_beside(run: RunVerdict, excerpt: list[tuple[str, str, str]]) -> list[str]:
    """Return the exceptions of tools that the excerpt does not show."""
    words = " ".join(words for _, words, _ in excerpt)
    raised = (printable_line(each, 500) for each in exceptions(run.transcript))
    return [each for each in raised if each.partition(" raised ")[2] not in words][:_RAISED]


def _heading(run: RunVerdict) -> Text:
    style = STYLES[run.outcome]
    facts = [run.mode.value, entry_name(run), cause(run)]
    return Text.assemble(
        (f"{MARKS[run.outcome]} {run.outcome.value.upper()} ", f"bold {style}"),
        (console_line(run_title(run)), "bold"),
        (console_text("".join(f" · {fact}" for fact in facts if fact)), style),
    )


def _excerpt(run: RunVerdict) -> Iterator[tuple[str, str, str]]:
    """Yield the lines around the turning point, or the last ones: time and speaker, words, and the mark."""
    lines = list(transcript_lines(run))
    point = turning_point(run)
    around = len(lines) - 1 if point is None else point
    first, last = max(around - _LINES_BEFORE, 0), min(around + _LINES_AFTER + 1, len(lines))
    if first:
        yield "", f"… {counted(first, 'line')} before", ""
    for n in range(first, last):
        line = lines[n]
        mark = "  ← look here" if n == point else ""
        yield f"{line.at:>7} {line.speaker:<10} ", printable_line(line.text, 500), mark
    if last < len(lines):
        yield "", f"… {counted(len(lines) - last, 'line')} after", ""


def _print_notes(verdict: SuiteVerdict, console: Console) -> None:
    """Print the notes of the suite and of runs that passed: a worthless scenario, a review by a person."""
    for note in verdict.notes[:_IN_FULL]:
        _print(console, ("note  ", "yellow"), console_line(note))
    by_note: dict[str, list[str]] = {}
    for run in (run for run in verdict.runs if run.outcome is Outcome.PASSED):
        for note in run.notes:
            by_note.setdefault(note, []).append(run.case)
    for note, cases in list(by_note.items())[:_IN_FULL]:
        more = f" and {counted(len(cases) - _CASES, 'more', 'more')}" if len(cases) > _CASES else ""
        _print(console, ("note  ", "yellow"), f"{console_line(', '.join(cases[:_CASES]))}{more}: {console_line(note)}")
    if len(by_note) > _IN_FULL:
        _print(console, (f"{counted(len(by_note) - _IN_FULL, 'more note')} in the other reports", "dim"))
    if by_note or verdict.notes:
        _print(console)


def _print_tries(verdict: SuiteVerdict, console: Console) -> None:
    shown = tried(verdict)
    for each in shown:
        outcome = (MARKS[each.outcome], STYLES[each.outcome])
        _print(console, outcome, f" {console_line(each.title)}  ", (each.summary, "dim"))
    if shown:
        _print(console)


def _print_pools(verdict: SuiteVerdict, console: Console) -> None:
    shown = [pool for pool in verdict.pools if pool.judged + pool.skipped > 1]
    for pool in shown:
        outcome = (MARKS[pool.outcome], STYLES[pool.outcome])
        facts = f"{pool.mode.value}  {rate_summary(pool)}"
        _print(console, outcome, f" {console_line(pool_title(pool))}  ", (facts, "dim"))
    if shown:
        _print(console)


def _print_comparison(verdict: SuiteVerdict, console: Console) -> None:
    if verdict.comparison is None:
        return
    pools = comparison_view.changed(verdict.comparison)
    for pool in pools[:_IN_FULL]:
        mark = comparison_view.MARKS[pool.change]
        facts = (comparison_view.rates(pool), comparison_view.chance(pool), comparison_view.replies(pool))
        said = f"{comparison_view.CHANGES[pool.change]:<20} {console_line(comparison_view.title(pool))}  "
        _print(
            console,
            (MARKS[mark], STYLES[mark]),
            f" {said}",
            (f"{pool.mode.value}  {', '.join(filter(None, facts))}", "dim"),
        )
    if len(pools) > _IN_FULL:
        _print(console, (f"{counted(len(pools) - _IN_FULL, 'more change')} in the other reports", "dim"))
    style = STYLES[Outcome.FAILED if verdict.comparison.worse else Outcome.PASSED]
    _print(console, (comparison_view.summary(verdict.comparison), style))
    _print(console)


def _print_summary(verdict: SuiteVerdict, console: Console) -> None:
    for room in verdict.rooms_left:
        left = f"{printable_line(room)} could not be deleted; try again: cekura-kit sweep --room {printable_line(room)}"
        _print(console, ("room not deleted  ", "yellow"), left)
    for result in verdict.results:
        if address := web_address(result.url):
            _field(console, "on Cekura", address)
    for kind in kinds_of(verdict):
        _field(console, "explained", f"cekura-kit explain {kind}")
    if cost := cost_summary(verdict.cost):
        _field(console, "cost", cost)
    _print(console, (headline(verdict), f"bold {STYLES[verdict.outcome]}"))
    if verdict.hint:
        _field(console, "hint", printable_line(verdict.hint))
    parts = [f"{count} {outcome.value}" for outcome, count in outcome_counts(verdict).items()]
    parts += [f"{flaky} flaky"] if (flaky := sum(pool.flaky for pool in verdict.pools)) else []
    parts += [f"shard {verdict.shard.index} of {verdict.shard.of}"] if verdict.shard else []
    parts += [latency] if (latency := latency_summary(verdict)) else []
    parts.append(f"took {seconds(verdict.duration_s)}")
    parts += [f"seed {verdict.seed}"] if verdict.seed is not None else []
    _print(console, (f"{printable_line(verdict.suite, 80)}: " + " · ".join(parts), "dim"))


def _field(console: Console, label: str, *parts: str) -> None:
    """Print a label and its text, wrapped under itself on a terminal."""
    text = Text(console_text("".join(parts)))
    width = console.width - _LABEL_WIDTH - 2
    lines = text.wrap(console, width) if on_terminal(console) and width > 20 else [text]
    for n, line in enumerate(lines):
        _print(console, (f"  {'' if n else label:<{_LABEL_WIDTH}}", "dim"), line)


def _print(console: Console, *parts: str | Text | tuple[str, str]) -> None:
    safe = [
        console_text(part)
        if isinstance(part, str)
        else (console_text(part[0]), part[1])
        if isinstance(part, tuple)
        else part
        for part in parts
    ]
    console.print(Text.assemble(*safe), soft_wrap=True, highlight=False)
