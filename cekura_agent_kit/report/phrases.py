"""Phrases for verdicts, the same in every report."""

from __future__ import annotations

from collections import Counter
from typing import Final

from ..counting import counted
from ..verdict import (
    Check,
    Kind,
    Line,
    Metric,
    Outcome,
    PoolVerdict,
    Result,
    RubricRule,
    RunVerdict,
    Statement,
    SuiteVerdict,
    shown_value,
)
from .sanitize import printable_line

KINDS: Final[dict[Kind, str]] = {
    Kind.AGENT_MISSING: "no agent joined the room",
    Kind.AGENT_DUPLICATED: "more than one agent joined the room",
    Kind.AGENT_REFUSED: "the agent refused the test",
    Kind.AGENT_LEFT: "the agent left before the run ended",
    Kind.WRONG_MODE: "the agent runs in another mode",
    Kind.NOT_SIGNED: "the agent did not accept the test's signature",
    Kind.WORKER_FAILED: "the worker failed",
    Kind.SANDBOX_FAILED: "the sandbox failed",
    Kind.START_REFUSED: "Cekura refused the start",
    Kind.START_UNKNOWN: "the answer to the start was lost",
    Kind.EVALUATOR_MISSING: "Cekura's evaluator never joined the room",
    Kind.RUN_FAILED: "Cekura ended the run without a verdict",
    Kind.UNSCORED: "nothing was measured",
    Kind.TIMEOUT: "the time limit was reached",
    Kind.CANCELLED: "the suite was stopped",
    Kind.CEKURA_UNREACHABLE: "Cekura could not be reached",
    Kind.LIVEKIT_UNREACHABLE: "LiveKit failed or could not be reached",
    Kind.API_UNREACHABLE: "Cekura or LiveKit could not be reached",
    Kind.NOT_RUN: "the run was not started",
    Kind.SHARD_MISSING: "a shard's report is missing",
    Kind.INTERNAL: "a fault in cekura-agent-kit",
}

STATEMENTS: Final = {"met": "met", "not_met": "not met", "blocked": "could not be judged"}


def kinds_of(verdict: SuiteVerdict) -> list[Kind]:
    """Return the kinds of error in a verdict, each once, the suite's own first."""
    kinds = (verdict.kind, *(run.kind for run in verdict.runs))
    return list(dict.fromkeys(kind for kind in kinds if kind is not None))


def headline(verdict: SuiteVerdict) -> str:
    """Return the suite's outcome in one sentence: the agent failed, or the test broke and why."""
    counts = Counter(run.outcome for run in verdict.runs)
    skipped = f"; {counted(counts[Outcome.SKIPPED], 'run')} skipped" if counts[Outcome.SKIPPED] else ""
    in_memory = _failed_in_memory(verdict)
    if verdict.kind is not None:
        return f"The test broke: {KINDS[verdict.kind]}."
    if not counts.total() - counts[Outcome.SKIPPED]:
        return f"The agent {in_memory}{skipped}." if in_memory else f"Nothing ran{skipped}."
    return f"{_judged(verdict, counts)}{f'; it {in_memory}' if in_memory else ''}{skipped}."


def _failed_in_memory(verdict: SuiteVerdict) -> str:
    """Return ``failed 2 scenarios in memory`` for those that were not started because of it; else an empty string."""
    left_out = {run.scenario for run in verdict.runs if run.failed_in_memory}
    return f"failed {counted(len(left_out), 'scenario')} in memory" if left_out else ""


def _judged(verdict: SuiteVerdict, counts: Counter[Outcome]) -> str:
    passed, failed, errored = (counts[outcome] for outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.ERRORED))
    total = passed + failed + errored
    of = counted(total, "run")
    if failed and errored:
        return f"The agent failed {failed} of {of}, and the test broke in {errored}{_common_kind(verdict)}"
    if errored:
        return f"The test broke in {errored} of {of}{_common_kind(verdict)}"
    if not failed:
        return f"The agent passed {_all(total)}"
    if verdict.outcome is not Outcome.PASSED:
        return f"The agent failed {failed} of {of}"
    forgiven = "the other is" if failed == 1 else "the others are"
    return f"The agent passed {passed} of {of}; {forgiven} within the pass rate"


def _common_kind(verdict: SuiteVerdict) -> str:
    """Return the kind that all errored runs share, to be appended to a sentence."""
    kinds = {run.kind for run in verdict.runs if run.outcome is Outcome.ERRORED}
    kind = kinds.pop() if len(kinds) == 1 else None
    return f": {KINDS[kind]}" if kind else ""


def _all(total: int) -> str:
    return {1: "the one run", 2: "both runs"}.get(total, f"all {total} runs")


def cause(run: RunVerdict) -> str:
    """Return what is at fault, the agent or the test, in a few words; empty if the run passed."""
    if run.outcome is Outcome.FAILED:
        return "the agent failed in memory" if is_try(run) else "the agent failed"
    if run.outcome is Outcome.ERRORED:
        return f"the test broke: {KINDS[run.kind]}" if run.kind else "the test broke"
    return "skipped" if run.outcome is Outcome.SKIPPED else ""


def expected(run: RunVerdict) -> str:
    """Return the expected outcome: its statements, or its text; empty if it is not known."""
    return "; ".join(each.text.rstrip(". ") for each in run.statements) or run.expected_outcome


def caller_model(run: RunVerdict) -> str:
    """Return the model that played the caller, with its prompts, turns and tokens; empty for any other caller."""
    played = run.played_caller
    if played is None:
        return ""
    prompts = f" (prompts {played.prompts})" if played.prompts else ""
    used = f"{counted(played.turns, 'turn')}, {counted(played.tokens, 'token')}"
    return printable_line(f"{played.model}{prompts}, {used}", 300)


def run_title(run: RunVerdict) -> str:
    """Return the case, and the scenario's name if it is known."""
    return printable_line(f"{run.case} {'in memory: ' if is_try(run) else ''}{run.scenario_name}", 120)


def is_try(run: RunVerdict) -> bool:
    """Return True for a conversation that was held in memory before the first start."""
    return run.transcript_source == "memory"


def pool_title(pool: PoolVerdict) -> str:
    """Return the scenario's id and name, and the entry's name if it says more than the scenario and the mode."""
    return printable_line(" · ".join(filter(None, [f"{pool.scenario} {pool.name}".strip(), entry_name(pool)])), 120)


def entry_name(part: RunVerdict | PoolVerdict) -> str:
    """Return the name of a run's or a pool's entry; empty if it is only the scenario and the mode."""
    return "" if part.entry == f"{part.scenario} {part.mode.value}" else printable_line(part.entry, 80)


def started(result: Result) -> str:
    """Return ``result 9001 on Cekura (text)``, with its address if it is known."""
    return f"result {result.id} on Cekura ({result.mode.value})" + (f": {result.url}" if result.url else "")


def speaker(line: Line) -> str:
    """Return the speaker of a line, or the name of an event."""
    return line.name if line.role == "event" and line.name else line.role


def rate_summary(pool: PoolVerdict) -> str:
    """Return ``4 of 5 passed, 80 % required, flaky, 1 skipped``."""
    parts = [f"{pool.passed} of {pool.judged} passed"]
    parts += [f"{pool.pass_rate:.0%} required".replace("%", " %")] if pool.pass_rate < 1 else []
    parts += ["flaky"] if pool.flaky else []
    parts += [f"{pool.skipped} skipped"] if pool.skipped else []
    return ", ".join(parts)


def outcome_counts(verdict: SuiteVerdict) -> dict[Outcome, int]:
    """Return the number of runs with each outcome; skipped only if there are any."""
    counts = Counter(run.outcome for run in verdict.runs)
    always = (Outcome.PASSED, Outcome.FAILED, Outcome.ERRORED)
    return {outcome: counts[outcome] for outcome in Outcome if counts[outcome] or outcome in always}


def rule_result(rule: RubricRule) -> str:
    """Return ``failed with 3, requires score gte 5``."""
    result = {True: "passed", False: "failed", None: "skipped"}[rule.passed]
    value = shown_value(rule.value)
    return result + (f" with {value}" if value else "") + (f", requires {rule.conditions}" if rule.conditions else "")


def metric_result(metric: Metric) -> str:
    """Return ``passed``, ``failed with German`` or ``4.5``; ``no value`` if Cekura gave none."""
    value = shown_value(metric.value if metric.value is not None else metric.score)
    if metric.passed is None:
        return value or "no value"
    result = "passed" if metric.passed else "failed"
    return f"{result} with {value}" if value and metric.type != "binary" else result


def statement_result(statement: Statement) -> str:
    """Return ``met``, ``not met`` or ``could not be judged``."""
    return STATEMENTS[statement.outcome]


def check_result(check: Check) -> str:
    """Return ``passed`` or ``failed``."""
    return "passed" if check.ok else "failed"
