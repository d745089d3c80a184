"""A verdict in words, the same ones in every rendering."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from ..verdict import Kind, Line, Outcome, RunVerdict, ScenarioVerdict, SuiteVerdict
from .sanitize import one_line

KINDS: Final[dict[Kind, str]] = {
    Kind.AGENT_MISSING: "no agent came",
    Kind.AGENT_DUPLICATED: "more than one agent came",
    Kind.AGENT_REFUSED: "the agent gave up before the talk",
    Kind.AGENT_LEFT: "the agent left in the middle of the talk",
    Kind.WRONG_MODE: "the agent talks in another mode",
    Kind.WORKER_FAILED: "the worker failed",
    Kind.START_REFUSED: "Cekura refused the start",
    Kind.START_UNKNOWN: "the start's answer was lost",
    Kind.EVALUATOR_MISSING: "Cekura's evaluator never came",
    Kind.RUN_FAILED: "Cekura ended the run without a verdict",
    Kind.TIMEOUT: "time ran out",
    Kind.CANCELLED: "cancelled",
    Kind.API_UNREACHABLE: "Cekura or LiveKit could not be reached",
    Kind.CEKURA_UNREACHABLE: "Cekura could not be reached",
    Kind.LIVEKIT_UNREACHABLE: "LiveKit could not be reached",
    Kind.UNSCORED: "nothing was measured",
    Kind.NOT_SIGNED: "the agent did not accept the test's signature",
    Kind.SANDBOX_FAILED: "the sandbox failed",
    Kind.SHARD_MISSING: "a shard's report is missing",
    Kind.NOT_RUN: "not run",
    Kind.INTERNAL: "a fault of cekura-agent-kit",
}

_QUOTED: Final = re.compile(r"[\"“]([^\"“”]+)[\"”]|(?<!\w)['‘]([^'‘’]+)['’](?!\w)")
_TELLING: Final = 6
"""Characters from which a quotation tells one line from another."""


def headline(verdict: SuiteVerdict) -> str:
    """Whether the agent or the test broke, in one sentence."""
    counts = Counter(run.outcome for run in verdict.runs)
    failed, errored, total = counts[Outcome.FAILED], counts[Outcome.ERRORED], len(verdict.runs)
    if verdict.kind is not None:
        return f"The test broke: {KINDS[verdict.kind]}."
    if not total:
        return "Nothing ran."
    of = f"{total} {'run' if total == 1 else 'runs'}"
    if failed and errored:
        return f"The agent failed {failed} of {of}, and the test broke in {errored}."
    if errored:
        return f"The test broke in {errored} of {of}."
    if verdict.outcome is Outcome.PASSED:
        within = (
            f"; the {'other is' if failed == 1 else 'others are'} within the scenario's pass rate" if failed else ""
        )
        return f"The agent passed {total - failed} of {of}{within}." if failed else f"The agent passed {_all(total)}."
    return f"The agent failed {failed} of {of}."


def _all(total: int) -> str:
    return {1: "the one run", 2: "both runs"}.get(total, f"all {total} runs")


def blame(run: RunVerdict) -> str:
    """Who broke, in a few words; empty for a run that passed."""
    if run.outcome is Outcome.FAILED:
        return "the agent failed"
    if run.outcome is Outcome.ERRORED:
        return f"the test broke: {KINDS[run.kind]}" if run.kind else "the test broke"
    return ""


def title(run: RunVerdict) -> str:
    """The case, and the scenario's name where it is known."""
    return one_line(f"{run.case} {run.scenario_name}", 120)


def own_reason(run: RunVerdict) -> str:
    """The run's reason on one line; empty where it says no more than the explanation does."""
    reason, told = one_line(run.reason), [one_line(each) for each in run.explanation]
    repeated = any(reason in each for each in told) or (bool(told) and all(each in reason for each in told))
    return "" if repeated else reason


def because(run: RunVerdict) -> list[str]:
    """Why the run came out as it did, each reason once."""
    told = [own_reason(run), *(one_line(each) for each in run.explanation)]
    return list(dict.fromkeys(each for each in told if each))


def gist(run: RunVerdict) -> str:
    """Why the run did not pass, where there is room for one reason; empty for one that did."""
    if run.outcome is Outcome.PASSED:
        return ""
    # An explanation goes through the talk: what ended it is its last sentence.
    return own_reason(run) or next(reversed(because(run)), blame(run))


def not_passed(verdict: SuiteVerdict) -> list[RunVerdict]:
    """The runs that a person must look at: failed first, then errored, each in the order of the suite."""
    return [run for wanted in (Outcome.FAILED, Outcome.ERRORED) for run in verdict.runs if run.outcome is wanted]


def turning_point(run: RunVerdict) -> int | None:
    """The line of the transcript at which to look: the last one that the verdict quotes, else the last one spoken.

    None for a run that passed, or in which nothing was said.
    """
    if run.outcome is Outcome.PASSED:
        return None
    spoken = [(n, one_line(line.text)) for n, line in enumerate(run.transcript) if line.role in ("agent", "evaluator")]
    quotes = [
        one_line("".join(match))
        for text in (run.reason, *run.explanation)
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
    return quoted[-1] if quoted else spoken[-1][0] if spoken else None


def talk_begins(run: RunVerdict) -> float:
    """The moment from which the talk's times are counted, in seconds from the suite's start."""
    times = [line.at for line in run.transcript if line.at is not None]
    if run.timeline.evaluator_joined is not None and run.transcript_source != "cekura":
        times.append(run.timeline.evaluator_joined)
    return min(times, default=0.0)


def reply_times(run: RunVerdict) -> dict[int, float]:
    """Seconds to each first line of a reply, by the line's place; empty where the turns cannot be told apart."""
    firsts: list[int] = []
    asked = False
    for n, line in enumerate(run.transcript):
        if line.role == "evaluator":
            asked = True
        elif line.role == "agent" and asked:
            firsts.append(n)
            asked = False
    turns = run.latency.turns
    return dict(zip(firsts, turns, strict=True)) if len(firsts) == len(turns) else {}


def replies_took(verdict: SuiteVerdict) -> str:
    """``reply 0.42 s median, 0.90 s p95, whole 0.61 s, 1.10 s``; empty where no reply was measured."""
    first, last = verdict.latency, verdict.full_reply
    if first.median is None or first.p95 is None:
        return ""
    told = f"reply {seconds(first.median)} median, {seconds(first.p95)} p95"
    if last.median is None or last.p95 is None:
        return told
    return f"{told}, whole {seconds(last.median)}, {seconds(last.p95)}"


def duration(run: RunVerdict) -> float | None:
    """Seconds from the run's first stage to its last."""
    times = [at for at in run.timeline.model_dump().values() if at is not None]
    return max(times) - min(times) if len(times) > 1 else None


def seconds(value: float) -> str:
    """``0.42 s``, ``12.3 s``, ``1 m 12 s``, ``1 h 2 m``."""
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} m" if hours else f"{minutes} m {whole % 60} s"


def clock(value: float) -> str:
    """``0:03.4``: minutes, seconds and tenths into a talk."""
    tenths = round(max(value, 0.0) * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def speaker(line: Line) -> str:
    """Who a line is of."""
    return line.name if line.role == "event" and line.name else line.role


def rate(scenario: ScenarioVerdict) -> str:
    """``4 of 5 passed, 80 % wanted``, and that it is flaky where it is."""
    judged = scenario.passed + scenario.failed + scenario.errored
    words = f"{scenario.passed} of {judged} passed"
    if scenario.pass_rate < 1:
        words += f", {scenario.pass_rate:.0%} wanted".replace("%", " %")
    return words + (", flaky" if scenario.flaky else "")


def flaky_scenarios(verdict: SuiteVerdict) -> set[int]:
    """The scenarios that passed and failed."""
    return {scenario.scenario for scenario in verdict.scenarios if scenario.flaky}
