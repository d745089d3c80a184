"""Reasons of a verdict: why a run did not pass, and which line of its transcript shows it."""

from __future__ import annotations

import re
from typing import Final

from ..verdict import Outcome, RunVerdict, SkipReason, blocked, disapproving, failures
from .phrases import cause
from .sanitize import printable_line

_QUOTED: Final = re.compile(r"[\"“]([^\"“”]+)[\"”]|(?<!\w)['‘]([^'‘’]+)['’](?!\w)")
_TELLING: Final = 6
"""Characters from which a quotation identifies a line."""
_SKIPPED: Final = {
    SkipReason.FAIL_FAST: "not run, because an earlier run failed",
    SkipReason.DECIDED: "not run, because the outcome was already decided",
    SkipReason.TRIED: "not started, because it failed in memory",
}


def reasons(run: RunVerdict) -> list[str]:
    """Return why the run did not pass, the deciding reason first, each reason once and on one line.

    A failed run has its failures: rubric rules, metrics, statements, checks. Without any, it has its reason and
    Cekura's explanation. An errored run has its error, blocked statements and Cekura's explanation. A sentence that
    approves is never a reason. Empty for a run that passed.
    """
    if run.outcome is Outcome.PASSED:
        return []
    if run.outcome is Outcome.SKIPPED:
        return [skip_reason(run)]
    own = "".join(disapproving([run.reason]))
    failed = _failures_of(run) if run.outcome is Outcome.FAILED else []
    # The reason usually consists of the failures: one by one they are easier to read.
    rest = _without(own, failed)
    if failed and (not own or rest != _line(own)):
        return _distinct([*failed, rest])
    against = disapproving(run.explanation)
    own = "" if run.outcome is Outcome.FAILED and _repeats(own, against) else own
    return _distinct([own, *blocked(run.statements), *against])


def explanation(run: RunVerdict) -> list[str]:
    """Return the sentences of Cekura's explanation that are not among the reasons, each once and on one line."""
    shown = reasons(run)
    return [each for each in _distinct(run.explanation) if not any(each in reason for reason in shown)]


def main_reason(run: RunVerdict) -> str:
    """Return why the run did not pass, in one reason; empty if it passed."""
    if run.outcome is Outcome.PASSED:
        return ""
    found = reasons(run)
    explained = [_line(each) for each in run.explanation]
    # An explanation follows the conversation: what ended it is its last sentence.
    return found[-1] if found and found[0] in explained else next(iter(found), cause(run))


def skip_reason(run: RunVerdict) -> str:
    """Return why a run was skipped."""
    return _SKIPPED[SkipReason(run.reason)] if run.reason in set(SkipReason) else _line(run.reason) or "not run"


def not_passed(runs: list[RunVerdict]) -> list[RunVerdict]:
    """Return the runs that need attention: failed, then errored, each in the order of the suite."""
    return [run for wanted in (Outcome.FAILED, Outcome.ERRORED) for run in runs if run.outcome is wanted]


def by_attention(runs: list[RunVerdict]) -> list[RunVerdict]:
    """Return all runs: failed, errored, passed, skipped, each in the order of the suite."""
    rest = (Outcome.PASSED, Outcome.SKIPPED)
    return not_passed(runs) + [run for wanted in rest for run in runs if run.outcome is wanted]


def turning_point(run: RunVerdict) -> int | None:
    """Return the index of the line that shows the failure: the last one that the verdict quotes, else the last spoken.

    None if the run passed or was skipped, if nothing was said, or if Cekura's measures failed the run as a whole.
    """
    if run.outcome in (Outcome.PASSED, Outcome.SKIPPED):
        return None
    spoken = [(n, _line(line.text)) for n, line in enumerate(run.transcript) if line.role in ("agent", "evaluator")]
    quotes = [
        _line("".join(match))
        for text in (run.reason, *run.explanation, *reasons(run))
        for match in _QUOTED.findall(text[:4000])
        if len("".join(match)) >= _TELLING
    ]
    # A quotation may be a part of a line, or several lines in one.
    quoted = [
        n
        for n, text in spoken
        if run.transcript[n].role == "agent"
        and any(quote in text or (len(text) >= _TELLING and text in quote) for quote in quotes)
    ]
    if quoted:
        return quoted[-1]
    return spoken[-1][0] if spoken and not (run.outcome is Outcome.FAILED and _failures_of(run)) else None


def _failures_of(run: RunVerdict) -> list[str]:
    return failures(run.rubric, run.metrics, run.statements, run.checks, explanation=run.explanation)


def _repeats(reason: str, sentences: list[str]) -> bool:
    """Return True if the reason adds nothing to the sentences."""
    own, lines = _line(reason), [_line(each) for each in sentences]
    return any(own in each for each in lines) or (bool(lines) and all(each in own for each in lines))


def _without(reason: str, failed: list[str]) -> str:
    """Return the part of the reason that is not one of the failures."""
    rest = _line(reason)
    for each in failed:
        rest = rest.replace(_line(each), "")
    return rest.strip("; ") if rest != _line(reason) else rest


def _distinct(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(line for each in texts if (line := _line(each))))


def _line(text: str) -> str:
    return printable_line(text)
