"""Comparison with a baseline, in phrases that every report shares."""

from __future__ import annotations

from collections import Counter
from typing import Final

from ..counting import counted
from ..verdict import Change, Comparison, Outcome, PoolComparison, Rate, SkipReason, SuiteVerdict
from .durations import seconds
from .sanitize import printable_line

CHANGES: Final[dict[Change, str]] = {
    "newly_failing": "newly failing",
    "still_failing": "still failing",
    "fixed": "fixed",
    "flaky": "flaky before and now",
    "passing": "passing as before",
    "errored": "not judged",
    "new": "new",
    "gone": "gone",
}
MARKS: Final[dict[Change, Outcome]] = {
    "newly_failing": Outcome.FAILED,
    "still_failing": Outcome.FAILED,
    "fixed": Outcome.PASSED,
    "flaky": Outcome.ERRORED,
    "passing": Outcome.PASSED,
    "errored": Outcome.ERRORED,
    "new": Outcome.SKIPPED,
    "gone": Outcome.SKIPPED,
}
"""Outcome whose mark and colour a change has."""


def exit_code(verdict: SuiteVerdict, *, fail_on: str) -> int:
    """Return the exit code: the verdict's, or with ``new`` that of the comparison, 1 for worse than the baseline.

    What could not be judged is 2 in any case. Runs that fail-fast left out are no success.
    """
    if fail_on != "new" or verdict.comparison is None or verdict.outcome is Outcome.ERRORED:
        return verdict.exit_code
    if any(run.outcome is Outcome.SKIPPED and run.reason == SkipReason.FAIL_FAST for run in verdict.runs):
        return verdict.exit_code
    return 1 if verdict.comparison.worse else 0


def summary(comparison: Comparison) -> str:
    """Return one sentence, such as ``Worse than the baseline in 1 pool: 1 newly failing, 1 fixed.``"""
    of = "the baseline" if len(comparison.baselines) == 1 else f"{len(comparison.baselines)} baselines"
    counts = Counter(pool.change for pool in comparison.pools)
    parts = ", ".join(f"{count} {CHANGES[change]}" for change, count in counts.items())
    how = f"Worse than {of} in {counted(comparison.worse, 'pool')}" if comparison.worse else f"Not worse than {of}"
    return f"{how}: {parts}." if parts else f"{how}."


def changed(comparison: Comparison) -> list[PoolComparison]:
    """Return the pools to show one by one: all but those that pass as before."""
    return [pool for pool in comparison.pools if pool.change != "passing"]


def title(pool: PoolComparison) -> str:
    """Return scenario, name and entry of a pool."""
    entry = "" if pool.entry in ("", f"{pool.scenario} {pool.mode.value}") else pool.entry
    return printable_line(" · ".join(filter(None, [f"{pool.scenario} {pool.name}".strip(), entry])), 120)


def rates(pool: PoolComparison) -> str:
    """Return the rates with their intervals: ``5 of 5 (57 to 100 %), now 1 of 5 (4 to 62 %)``."""
    before, now = _rate(pool.before), _rate(pool.now)
    if not before or not now:
        return before or now
    return f"{before}, now {now}"


def chance(pool: PoolComparison) -> str:
    """Return what the figures can tell: by chance or not; empty where there is nothing to compare."""
    if pool.p is None:
        return ""
    if pool.by == "outcome":
        return "by outcome: too few runs to tell it from chance" if pool.worse else ""
    if pool.significant:
        return f"not by chance (p {pool.p:.2g})"
    return f"may be chance (p {pool.p:.2g})" if pool.change in ("newly_failing", "flaky", "still_failing") else ""


def replies(pool: PoolComparison) -> str:
    """Return the median reply times beside each other; empty if one is not known."""
    if pool.reply_before is None or pool.reply_now is None:
        return ""
    return f"median reply {seconds(pool.reply_before)}, now {seconds(pool.reply_now)}"


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return ""
    text = f"{rate.passed} of {rate.judged} passed"
    if rate.low is None or rate.high is None or rate.judged < 2:
        return text
    return f"{text} ({rate.low:.0%} to {rate.high:.0%})".replace("%", " %")
