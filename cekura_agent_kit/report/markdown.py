"""The Markdown report: a table, then what did not pass, folded. For a step's summary and for a comment on GitHub."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from ..verdict import Outcome, RunVerdict, SuiteVerdict
from .phrases import (
    because,
    blame,
    duration,
    flaky_scenarios,
    gist,
    headline,
    not_passed,
    rate,
    replies_took,
    seconds,
    turning_point,
)
from .sanitize import one_line, printable, web_address
from .transcript_lines import talk

COMMENT_LIMIT: Final = 65_536
"""Characters that GitHub takes in a comment. Bytes are counted here, of which no text has fewer than characters."""
SUMMARY_LIMIT: Final = 1024 * 1024
"""Bytes that GitHub takes in a step's summary."""

MARKS: Final = {Outcome.PASSED: "✅", Outcome.FAILED: "❌", Outcome.ERRORED: "⚠️", Outcome.SKIPPED: "⏭️"}

_SPECIAL: Final = re.compile(r"([\\`*_\[\]{}|~$#!])")
_CALLS: Final = re.compile(r"(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=:)(?=//)|(?<=\bw)(?=ww\.)")
_NOTE_ROOM: Final = 400
"""Bytes kept for the note that says what was cut."""
_TALK_LIMIT: Final = 12_000
"""Characters of one run's talk: the end of it is kept, where a talk breaks."""


def render(verdict: SuiteVerdict, *, limit: int = COMMENT_LIMIT) -> str:
    """The report in GitHub's Markdown, in at most ``limit`` bytes of UTF-8; what was cut is said at its end."""
    parts = [_head(verdict)]
    left = limit - _size(parts[0]) - _NOTE_ROOM
    cut: list[str] = []
    # Half for the table: a row that passed is worth less than the talk of one that did not.
    table, left_out = _fitting(_table(verdict), left // 2)
    parts += [*table, "\n"]
    cut += [f"{left_out} rows of the table"] if left_out else []
    details, left_out = _fitting(_details(verdict), left - sum(map(_size, table)) - 1)
    parts += details
    cut += [f"{left_out} runs that did not pass"] if left_out else []
    if cut:
        parts.append(f"_Left out here, to fit: {' and '.join(cut)}. The JSON, JUnit and HTML reports have all._\n")
    return "".join(parts)


def _fitting(blocks: Iterator[str], room: int) -> tuple[list[str], int]:
    """The first blocks, as many as fit, and how many are left."""
    fitting: list[str] = []
    left_out = 0
    for block in blocks:
        room -= _size(block)
        if room < 0:
            left_out += 1
        else:
            fitting.append(block)
    return fitting, left_out


def _head(verdict: SuiteVerdict) -> str:
    counts = Counter(run.outcome for run in verdict.runs)
    always = (Outcome.PASSED, Outcome.FAILED, Outcome.ERRORED)
    present = [outcome for outcome in Outcome if counts[outcome] or outcome in always]
    facts = [f"{MARKS[outcome]} {counts[outcome]} {outcome.value}" for outcome in present]
    if flaky := len(flaky_scenarios(verdict)):
        facts.append(f"🎲 {flaky} flaky")
    if took := replies_took(verdict):
        facts.append(took)
    facts.append(seconds(verdict.duration_s))
    heading = f"## {MARKS[verdict.outcome]} {_text(verdict.suite, 100)}: {_text(headline(verdict))}"
    head = f"{heading}\n\n{' · '.join(facts)}\n\n"
    if verdict.hint:
        head += f"**Hint:** {_text(verdict.hint, 1000)}\n\n"
    if verdict.rooms_left:
        shown = ", ".join(_code(room) for room in verdict.rooms_left[:10])
        head += f"**Rooms that could not be deleted:** {shown}; `cekura-kit sweep` does it later.\n\n"
    return head


def _table(verdict: SuiteVerdict) -> Iterator[str]:
    """What did not pass first: where the table is cut, what passed is left out."""
    flaky = flaky_scenarios(verdict)
    rates = {each.scenario: rate(each) for each in verdict.scenarios if each.passed + each.failed + each.errored > 1}
    shown = not_passed(verdict) + [run for run in verdict.runs if run.outcome is Outcome.PASSED]
    if not shown:
        return
    header = "| | Run | Scenario | Mode | Why | Reply | Took |\n|---|---|---|---|---|---|---|\n"
    for n, run in enumerate(shown):
        name = _text(run.scenario_name, 80) + (f" 🎲 {rates[run.scenario]}" if run.scenario in flaky else "")
        why = _text(gist(run), 200)
        took = duration(run)
        cells = [
            MARKS[run.outcome],
            _linked(_code(run.case), run.url),
            name,
            run.mode.value,
            why,
            seconds(run.latency.median) if run.latency.median is not None else "",
            seconds(took) if took is not None else "",
        ]
        yield (header if n == 0 else "") + f"| {' | '.join(cells)} |\n"


def _details(verdict: SuiteVerdict) -> Iterator[str]:
    for run in not_passed(verdict):
        lines = [
            f"<details><summary>{MARKS[run.outcome]} <code>{_html(one_line(run.case, 60))}</code> "
            f"{_quiet(_html(one_line(run.scenario_name, 80)))}: {_html(blame(run))}</summary>\n"
        ]
        if run.expected_outcome:
            lines.append(f"- **Expected:** {_text(run.expected_outcome, 2000)}")
        lines += [f"- **Because:** {_text(reason, 2000)}" for reason in because(run)[:20]]
        if run.hint:
            lines.append(f"- **Hint:** {_text(run.hint, 1000)}")
        if run.ended_reason:
            lines.append(f"- **Ended:** {_text(run.ended_reason, 500)}")
        ids = [f"run {run.run_id}"] if run.run_id is not None else []
        ids += [f"room {_code(run.room)}"] if run.room else []
        if ids:
            lines.append(f"- {', '.join(ids)}")
        # In <pre> nothing is Markdown, a mention or a reference.
        yield "\n".join(lines) + f"\n\n{_talk(run)}</details>\n\n"


def _talk(run: RunVerdict) -> str:
    point = turning_point(run)
    lines = [
        f"{at:>7} {who:<10} {words}"
        + (f"  [reply after {took}]" if took else "")
        + ("  <-- look here" if n == point else "")
        for n, (at, who, words, took) in enumerate(talk(run))
    ]
    text = "\n".join(lines)
    if len(text) > _TALK_LIMIT:
        text = "…" + text[-_TALK_LIMIT:]
    return f"<pre>\n{_html(text)}\n</pre>\n" if text else ""


def _text(text: str, limit: int = 0) -> str:
    """One line in which nothing is Markdown, HTML, a mention, a reference or a link."""
    return _quiet(_SPECIAL.sub(r"\\\1", _html(one_line(text, limit))))


def _html(text: str) -> str:
    return html.escape(printable(text), quote=False)


def _quiet(escaped: str) -> str:
    # What GitHub turns into links and calls after the Markdown is read, a space without width keeps from it.
    return _CALLS.sub("&#8203;", escaped)


def _code(text: str) -> str:
    # In <code> nothing is a mention or a reference, but all of it is Markdown.
    return "<code>" + _SPECIAL.sub(r"\\\1", _html(one_line(text, 80))) + "</code>"


def _linked(words: str, url: str) -> str:
    address = web_address(url)
    return f'<a href="{html.escape(address).replace("|", "%7C")}">{words}</a>' if address else words


def _size(text: str) -> int:
    return len(text.encode())
