"""Markdown report: a table, then each run that did not pass, folded. For the summary of a step and for comments."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from ..counting import counted
from ..verdict import Outcome, PoolId, RunVerdict, SuiteVerdict, exceptions
from . import comparison_view
from .cost_view import cost_summary
from .durations import duration, latency_summary, seconds
from .phrases import (
    caller_model,
    cause,
    check_result,
    entry_name,
    expected,
    headline,
    metric_result,
    outcome_counts,
    rate_summary,
    rule_result,
    statement_result,
)
from .reasons import by_attention, explanation, main_reason, not_passed, reasons, turning_point
from .sanitize import printable, printable_line, web_address
from .transcript_lines import transcript_lines
from .tries_view import failed_tries, tried

COMMENT_LIMIT: Final = 65_536
"""Characters that GitHub accepts in a comment. Bytes are counted here; a text never has fewer bytes than characters."""
SUMMARY_LIMIT: Final = 1024 * 1024
"""Bytes that GitHub accepts in the summary of a step."""

MARKS: Final = {Outcome.PASSED: "✅", Outcome.FAILED: "❌", Outcome.ERRORED: "⚠️", Outcome.SKIPPED: "⏭️"}

_SPECIAL: Final = re.compile(r"([\\`*_\[\]{}|~$#!])")
_CALLS: Final = re.compile(r"(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=:)(?=//)|(?<=\bw)(?=ww\.)")
_NOTE_ROOM: Final = 400
"""Bytes kept for the note on what was left out."""
_TRANSCRIPT_LIMIT: Final = 12_000
"""Characters of one run's transcript: its end is kept, because that is where a conversation fails."""
_NOTES: Final = 10
"""Notes of the suite that are listed."""
_COMPARED: Final = 30
"""Changed pools that are listed."""
_TRIED: Final = 30
"""Scenarios tried in memory that are listed."""
_RESULTS: Final = 20
"""Rules, metrics, statements or checks of one run that are listed."""


def render(verdict: SuiteVerdict, *, limit: int = COMMENT_LIMIT) -> str:
    """Return the report in GitHub's Markdown, in at most ``limit`` bytes of UTF-8. It ends with what was left out."""
    parts = [_head(verdict) + _tried(verdict) + _compared(verdict)]
    left = limit - _size(parts[0]) - _NOTE_ROOM
    cut: list[str] = []
    # Half for the table: a row that passed is worth less than the transcript of a run that did not.
    table, left_out = _fitting(_table(verdict), left // 2)
    parts += [*table, "\n"]
    cut += [f"{counted(left_out, 'row')} of the table"] if left_out else []
    details, left_out = _fitting(_details(verdict), left - sum(map(_size, table)) - 1)
    parts += details
    cut += [f"{counted(left_out, 'run')} with details"] if left_out else []
    if cut:
        parts.append(f"_Left out to fit: {' and '.join(cut)}. The JSON, JUnit and HTML reports have everything._\n")
    return "".join(parts)


def _fitting(blocks: Iterator[str], room: int) -> tuple[list[str], int]:
    """Return the first blocks that fit, and the number of those that do not."""
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
    facts = [f"{MARKS[outcome]} {count} {outcome.value}" for outcome, count in outcome_counts(verdict).items()]
    facts += [f"🎲 {flaky} flaky"] if (flaky := sum(pool.flaky for pool in verdict.pools)) else []
    facts += [f"shard {verdict.shard.index} of {verdict.shard.of}"] if verdict.shard else []
    facts += [latency] if (latency := latency_summary(verdict)) else []
    facts.append(f"took {seconds(verdict.duration_s)}")
    facts += [f"seed {verdict.seed}"] if verdict.seed is not None else []
    heading = f"## {MARKS[verdict.outcome]} {_text(verdict.suite, 100)}: {_text(headline(verdict))}"
    head = f"{heading}\n\n{' · '.join(facts)}\n\n"
    if cost := cost_summary(verdict.cost):
        head += f"Cost: {_text(cost)}\n\n"
    if verdict.hint:
        head += f"**Hint:** {_text(verdict.hint, 1000)}\n\n"
    if verdict.notes:
        more = f"\n- {counted(len(verdict.notes) - _NOTES, 'more note')}" if len(verdict.notes) > _NOTES else ""
        head += "".join(f"- **Note:** {_text(note, 500)}\n" for note in verdict.notes[:_NOTES]) + more + "\n"
    if verdict.rooms_left:
        shown = ", ".join(_code(room) for room in verdict.rooms_left[:10])
        head += f"**Rooms that could not be deleted:** {shown}. Try again: `cekura-kit sweep --room NAME`.\n\n"
    return head


def _tried(verdict: SuiteVerdict) -> str:
    """Return the tries in memory, one line a scenario, those that kept runs from being started first."""
    found = tried(verdict)
    lines = [f"- {MARKS[each.outcome]} {_text(each.title)}: {_text(each.summary)}" for each in found[:_TRIED]]
    lines += [f"- {counted(len(found) - _TRIED, 'more scenario')} tried in memory"] if len(found) > _TRIED else []
    return "\n".join(lines) + "\n\n" if lines else ""


def _compared(verdict: SuiteVerdict) -> str:
    """Return the comparison with a baseline: a sentence, and a table of what changed."""
    if verdict.comparison is None:
        return ""
    pools = comparison_view.changed(verdict.comparison)
    text = f"**{_text(comparison_view.summary(verdict.comparison))}**\n\n"
    if not pools:
        return text
    text += "| | Scenario | Mode | Passed | Chance | Reply |\n|---|---|---|---|---|---|\n"
    for pool in pools[:_COMPARED]:
        cells = [
            f"{MARKS[comparison_view.MARKS[pool.change]]} {comparison_view.CHANGES[pool.change]}",
            _linked(_text(comparison_view.title(pool)), pool.url_now),
            pool.mode.value,
            _text(comparison_view.rates(pool))
            + (f" ({_linked('before', pool.url_before)})" if pool.url_before else ""),
            _text(comparison_view.chance(pool)),
            _text(comparison_view.replies(pool)),
        ]
        text += f"| {' | '.join(cells)} |\n"
    more = len(pools) - _COMPARED
    return text + (f"\n_{counted(more, 'more change')} in the JSON and HTML reports._\n\n" if more > 0 else "\n")


def _table(verdict: SuiteVerdict) -> Iterator[str]:
    """Yield the rows, runs that did not pass first: if the table is cut, runs that passed are left out."""
    flaky = {pool.id: rate_summary(pool) for pool in verdict.pools if pool.flaky}
    header = "| | Run | Scenario | Mode | Why | Reply | Took |\n|---|---|---|---|---|---|---|\n"
    for n, run in enumerate(by_attention(verdict.runs)):
        pool = PoolId.of(run)
        names = [_text(run.scenario_name, 80), _text(entry_name(run), 80)]
        took = duration(run)
        cells = [
            MARKS[run.outcome],
            _linked(_code(run.case), run.url),
            " · ".join(filter(None, names)) + (f" 🎲 {flaky[pool]}" if pool in flaky else ""),
            run.mode.value,
            _text(main_reason(run), 200),
            seconds(run.latency.median) if run.latency.median is not None else "",
            seconds(took) if took is not None else "",
        ]
        yield (header if n == 0 else "") + f"| {' | '.join(cells)} |\n"


def _details(verdict: SuiteVerdict) -> Iterator[str]:
    """Yield a folded block for each try and run that did not pass, then for each run that passed with a note."""
    noted = [run for run in verdict.runs if run.outcome is Outcome.PASSED and run.notes]
    for run in [*failed_tries(verdict), *not_passed(verdict.runs), *noted]:
        summary = (
            f"<code>{_html(printable_line(run.case, 60))}</code> {_quiet(_html(printable_line(run.scenario_name, 80)))}"
        )
        about = cause(run) or counted(len(run.notes), "note")
        lines = [f"<details><summary>{MARKS[run.outcome]} {summary}: {_html(about)}</summary>\n", *_facts(run)]
        # In <pre> nothing is Markdown, a mention or a reference.
        yield "\n".join(lines) + f"\n\n{_transcript(run)}</details>\n\n"


def _facts(run: RunVerdict) -> Iterator[str]:
    yield from (f"- **Because:** {_text(reason, 2000)}" for reason in reasons(run)[:_RESULTS])
    if outcome := expected(run):
        yield f"- **Expected:** {_text(outcome, 2000)}"
    if run.hint:
        yield f"- **Hint:** {_text(run.hint, 1000)}"
    yield from (f"- **In a tool:** {_text(each, 1000)}" for each in exceptions(run.transcript)[:_RESULTS])
    yield from (f"- **Explanation:** {_text(each, 2000)}" for each in explanation(run)[:_RESULTS])
    results = [
        ("Rubric", [(each.name, rule_result(each)) for each in run.rubric]),
        ("Metrics", [(each.name, metric_result(each)) for each in run.metrics]),
        ("Statements", [(each.text, statement_result(each)) for each in run.statements]),
        ("Checks", [(each.name, check_result(each)) for each in run.checks]),
    ]
    for label, pairs in results:
        if pairs:
            shown = "; ".join(f"{_text(name, 200)}: {_text(result, 200)}" for name, result in pairs[:_RESULTS])
            more = f"; {counted(len(pairs) - _RESULTS, 'more', 'more')}" if len(pairs) > _RESULTS else ""
            yield f"- **{label}:** {shown}{more}"
    yield from (f"- **Note:** {_text(note, 1000)}" for note in run.notes[:_RESULTS])
    if model := caller_model(run):
        yield f"- **Caller:** played by {_text(model, 300)}"
    if run.ended_reason:
        yield f"- **Ended:** {_text(run.ended_reason, 500)}"
    if run.worker_log:
        yield f"- **Worker log:** {_code(run.worker_log)}"
    ids = [f"run {run.run_id}"] if run.run_id is not None else []
    ids += [f"room {_code(run.room)}"] if run.room else []
    ids += [f"seed {run.seed}"] if run.seed is not None else []
    if ids:
        yield f"- {', '.join(ids)}"


def _transcript(run: RunVerdict) -> str:
    point = turning_point(run)
    lines = [
        f"{line.at:>7} {line.speaker:<10} {line.text}"
        + (f"  [reply after {line.reply_time}]" if line.reply_time else "")
        + ("  <-- look here" if n == point else "")
        for n, line in enumerate(transcript_lines(run))
    ]
    text = "\n".join(lines)
    if len(text) > _TRANSCRIPT_LIMIT:
        text = "…" + text[-_TRANSCRIPT_LIMIT:]
    return f"<pre>\n{_html(text)}\n</pre>\n" if text else ""


def _text(text: str, limit: int = 0) -> str:
    """Return one line in which nothing is Markdown, HTML, a mention, a reference or a link."""
    return _quiet(_SPECIAL.sub(r"\\\1", _html(printable_line(text, limit))))


def _html(text: str) -> str:
    return html.escape(printable(text), quote=False)


def _quiet(escaped: str) -> str:
    # After the Markdown is read, GitHub makes links and mentions of some texts; a space without width prevents it.
    return _CALLS.sub("&#8203;", escaped)


def _code(text: str) -> str:
    # In <code> nothing is a mention or a reference, but all of it is Markdown.
    return "<code>" + _SPECIAL.sub(r"\\\1", _html(printable_line(text, 80))) + "</code>"


def _linked(label: str, url: str) -> str:
    address = web_address(url)
    return f'<a href="{html.escape(address).replace("|", "%7C")}">{label}</a>' if address else label


def _size(text: str) -> int:
    return len(text.encode())
