"""The verdict on a terminal, or in a log: what did not pass in full, the verdict last, where the eye is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

from ..verdict import Outcome, RunVerdict, SuiteVerdict
from .phrases import because, blame, gist, headline, not_passed, rate, replies_took, seconds, title, turning_point
from .sanitize import console_line, console_safe, one_line, web_address
from .transcript_lines import talk

MARKS: Final = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.ERRORED: "!", Outcome.SKIPPED: "-"}
STYLES: Final = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.ERRORED: "yellow", Outcome.SKIPPED: "dim"}

_IN_FULL: Final = 20
"""Runs shown with their talk; what comes after has one line each, and the other reports have all."""
_LINES_BEFORE: Final = 4
_LINES_AFTER: Final = 2
_LABEL: Final = 11


def render(verdict: SuiteVerdict, console: Console) -> None:
    """Print the verdict. Texts of others are shown as they are: no markup, no control characters, no CI commands.

    Lines are wrapped on a terminal only; a log has long lines, so that it can be searched.
    """
    shown = not_passed(verdict)
    for run in shown[:_IN_FULL]:
        _run(run, console)
    for run in shown[_IN_FULL:]:
        _write(console, _heading(run), f" {console_line(gist(run), 200)}")
    if shown:
        _write(console)
    _scenarios(verdict, console)
    for room in verdict.rooms_left:
        _write(
            console,
            ("room left  ", "yellow"),
            f"{one_line(room)} could not be deleted; `cekura-kit sweep` does it later",
        )
    for result in verdict.results:
        if address := web_address(result.url):
            _field(console, "on Cekura", address)
    _write(console, (headline(verdict), f"bold {STYLES[verdict.outcome]}"))
    if verdict.hint:
        _field(console, "hint", one_line(verdict.hint))
    _write(console, (_counts(verdict), "dim"))


def finished(run: RunVerdict, took: float | None) -> Text:
    """One line for a run whose verdict is known."""
    line = Text.assemble(
        (f"{MARKS[run.outcome]} {run.outcome.value:<7}", STYLES[run.outcome]),
        f"  {console_line(title(run))}  ",
        (run.mode.value + (f"  {seconds(took)}" if took is not None else ""), "dim"),
    )
    if reason := gist(run):
        line.append(f"  {console_line(reason, 200)}")
    return line


def _run(run: RunVerdict, console: Console) -> None:
    _write(console)
    _write(console, _heading(run))
    if run.expected_outcome:
        _field(console, "expected", one_line(run.expected_outcome))
    for reason in because(run):
        _field(console, "because", reason)
    if run.hint:
        _field(console, "hint", one_line(run.hint))
    for n, line in enumerate(_excerpt(run)):
        _field(console, "" if n else "the talk", *line)
    for note in run.notes:
        _field(console, "note", one_line(note))
    if run.ended_reason:
        _field(console, "ended", one_line(run.ended_reason))
    ids = [f"run {run.run_id}" if run.run_id is not None else "", f"room {one_line(run.room)}" if run.room else ""]
    if any(ids):
        _field(console, "look at", " · ".join(each for each in (*ids, web_address(run.url)) if each))


def _heading(run: RunVerdict) -> Text:
    style = STYLES[run.outcome]
    return Text.assemble(
        (f"{MARKS[run.outcome]} {run.outcome.value.upper()} ", f"bold {style}"),
        (console_line(title(run)), "bold"),
        (f" · {run.mode.value} · {blame(run)}", style),
    )


def _excerpt(run: RunVerdict) -> Iterator[tuple[str, str, str]]:
    """The lines around the one at which to look: time and speaker, words, and the mark at that one."""
    point = turning_point(run)
    if point is None:
        return
    lines = list(talk(run))
    first, last = max(point - _LINES_BEFORE, 0), min(point + _LINES_AFTER + 1, len(lines))
    if first:
        yield "", f"… {first} lines before", ""
    for n in range(first, last):
        at, who, words, _ = lines[n]
        yield f"{at:>7} {who:<10} ", one_line(words, 500), "  ← look here" if n == point else ""
    if last < len(lines):
        yield "", f"… {len(lines) - last} lines after", ""


def _scenarios(verdict: SuiteVerdict, console: Console) -> None:
    told = [each for each in verdict.scenarios if each.flaky or each.passed + each.failed + each.errored > 1]
    for scenario in told:
        name = console_line(f"{scenario.scenario} {scenario.name}", 80)
        _write(console, (MARKS[scenario.outcome], STYLES[scenario.outcome]), f" {name}  ", (rate(scenario), "dim"))
    if told:
        _write(console)


def _counts(verdict: SuiteVerdict) -> str:
    counts = Counter(run.outcome for run in verdict.runs)
    always = (Outcome.PASSED, Outcome.FAILED, Outcome.ERRORED)
    parts = [f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome] or outcome in always]
    if flaky := sum(scenario.flaky for scenario in verdict.scenarios):
        parts.append(f"{flaky} flaky")
    if took := replies_took(verdict):
        parts.append(took)
    return f"{one_line(verdict.suite, 80)}: " + " · ".join([*parts, seconds(verdict.duration_s)])


def _field(console: Console, label: str, *parts: str) -> None:
    """A label and its text, wrapped under itself."""
    text = Text(console_safe("".join(parts)))
    width = console.width - _LABEL - 2
    lines = text.wrap(console, width) if watched(console) and width > 20 else [text]
    for n, line in enumerate(lines):
        _write(console, (f"  {'' if n else label:<{_LABEL}}", "dim"), line)


def _write(console: Console, *parts: str | Text | tuple[str, str]) -> None:
    safe = [
        console_safe(part)
        if isinstance(part, str)
        else (console_safe(part[0]), part[1])
        if isinstance(part, tuple)
        else part
        for part in parts
    ]
    console.print(Text.assemble(*safe), soft_wrap=True, highlight=False)


def watched(console: Console) -> bool:
    """A person sees it as it is written. FORCE_COLOR, which CI services set, makes rich take a log for a terminal."""
    isatty = getattr(console.file, "isatty", lambda: False)
    return console.is_interactive and bool(isatty())
