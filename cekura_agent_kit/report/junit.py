"""JUnit report, valid by the schema of Jenkins' xUnit plugin (``junit-10.xsd``).

That schema has properties of a suite, but not of a case. The ids of a run are therefore properties of the suite, named
``CASE.run_id`` and so on, and are repeated at the top of the case's ``system-out``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from junitparser import xunit2
from junitparser.junitparser import Error, Failure, Result, Skipped, TestCase

from ..verdict import Outcome, PoolId, RunVerdict, SuiteVerdict, exceptions
from .cost_view import cost_summary
from .durations import duration
from .phrases import (
    caller_model,
    cause,
    check_result,
    expected,
    headline,
    metric_result,
    rule_result,
    run_title,
    statement_result,
)
from .reasons import explanation, main_reason, reasons, skip_reason
from .sanitize import printable, printable_line
from .transcript_lines import transcript_lines
from .tries_view import tried

R = TypeVar("R", bound=Result)


def render(verdict: SuiteVerdict) -> str:
    """Return the report as XML.

    A failed run is a ``failure``, an errored run an ``error``, a skipped run is ``skipped``. A run that failed in a
    pool that passed by its rate is a ``flakyFailure``, which does not fail a build. So a reader of the report gets the
    same verdict as a reader of the exit code. A suite that errored as a whole has one more case, which is an ``error``.
    A try in memory is a case, too: a ``failure`` if runs were not started because of it.
    """
    forgiven = {pool.id for pool in verdict.pools if pool.outcome is Outcome.PASSED}
    suite = xunit2.TestSuite(printable_line(verdict.suite) or "suite")  # type: ignore[no-untyped-call]
    suite.timestamp = printable_line(verdict.started_at)
    for name, value in _suite_properties(verdict):
        suite.add_property(name, value)
    # One after another, add_testcase() would count all cases again for each.
    deciding = {id(run) for each in tried(verdict) for run in each.deciding}
    cases: list[TestCase] = [_try(run, suite.name, id(run) in deciding) for run in verdict.tries]
    cases += [_case(run, suite.name, PoolId.of(run) in forgiven) for run in verdict.runs]
    if verdict.kind is not None:
        cases.append(_whole_suite(verdict, suite.name))
    suite.add_testcases(cases)
    suite.time = round(verdict.duration_s, 3)
    report = xunit2.JUnitXml(suite.name)
    report.append(suite)  # type: ignore[no-untyped-call]
    report.tests, report.failures, report.errors = suite.tests, suite.failures, suite.errors
    report.time = suite.time
    body = report.tostring()  # type: ignore[no-untyped-call]
    return body if isinstance(body, str) else body.decode("utf-8")


def _suite_properties(verdict: SuiteVerdict) -> Iterator[tuple[str, str]]:
    yield "suite_id", printable_line(verdict.suite_id)
    if verdict.shard is not None:
        yield "shard", f"{verdict.shard.index}/{verdict.shard.of}"
    if cost := cost_summary(verdict.cost):
        yield "cost", cost
    if verdict.seed is not None:
        yield "seed", str(verdict.seed)
    for number, note in enumerate(verdict.notes, start=1):
        yield f"note.{number}", printable_line(note)
    for result in verdict.results:
        yield f"result.{result.id}", printable_line(f"{result.mode.value} {result.url}")
    for run in verdict.runs:
        for name, value in _properties(run).items():
            yield f"{printable_line(run.case)}.{name}", value


def _case(run: RunVerdict, suite: str, forgiven: bool) -> xunit2.TestCase:
    case = xunit2.TestCase(run_title(run), suite, round(duration(run) or 0.0, 3))
    message = printable_line(main_reason(run), 1000)
    if run.outcome is Outcome.ERRORED:
        case.result = _with_details(Error(message, run.kind.value if run.kind else "errored"), run)
    elif run.outcome is Outcome.SKIPPED:
        case.result = Skipped(printable_line(skip_reason(run), 1000))
    elif run.outcome is Outcome.FAILED and forgiven:
        case.add_interim_result(_with_details(xunit2.FlakyFailure(message, "failed"), run))
    elif run.outcome is Outcome.FAILED:
        case.result = _with_details(Failure(message, "failed"), run)
    case.system_out = _output(run)
    return case


def _try(run: RunVerdict, suite: str, counts: bool) -> xunit2.TestCase:
    case = _case(run, suite, not counts)
    if run.outcome is Outcome.ERRORED:
        # It decided nothing: its scenario was started on Cekura.
        case.result = Skipped(printable_line(f"errored in memory: {main_reason(run)}", 1000))
    return case


def _with_details(result: R, run: RunVerdict) -> R:
    lines = [cause(run)]
    lines += [f"because: {reason}" for reason in reasons(run)]
    lines += [f"expected: {expected(run)}"] if expected(run) else []
    lines += [f"hint: {run.hint}"] if run.hint else []
    lines += [f"in a tool: {printable_line(each)}" for each in exceptions(run.transcript)]
    lines += [f"explanation: {each}" for each in explanation(run)]
    lines += [f"caller: played by {caller_model(run)}"] if run.played_caller else []
    lines += [f"worker log: {run.worker_log}"] if run.worker_log else []
    lines += [f"on Cekura: {run.url}"] if run.url else []
    result.text = printable("\n".join(lines))
    return result


def _whole_suite(verdict: SuiteVerdict, suite: str) -> xunit2.TestCase:
    kind = verdict.kind.value if verdict.kind else "errored"
    case = xunit2.TestCase("the suite as a whole", suite, 0.0)
    error = Error(printable_line(verdict.hint, 1000) or kind, kind)
    error.text = printable(headline(verdict))
    case.result = error
    return case


def _properties(run: RunVerdict) -> dict[str, str]:
    known = {
        "mode": run.mode.value,
        "outcome": run.outcome.value,
        "kind": run.kind.value if run.kind else "",
        "entry": printable_line(run.entry),
        "run_id": "" if run.run_id is None else str(run.run_id),
        "result_id": "" if run.result_id is None else str(run.result_id),
        "url": printable_line(run.url),
        "room": printable_line(run.room),
        "seed": "" if run.seed is None else str(run.seed),
        "measured": {True: "yes", False: "no", None: ""}[run.measured],
        "reply_median_s": "" if run.latency.median is None else str(run.latency.median),
        "reply_p95_s": "" if run.latency.p95 is None else str(run.latency.p95),
        "full_reply_median_s": "" if run.full_reply.median is None else str(run.full_reply.median),
        "full_reply_p95_s": "" if run.full_reply.p95 is None else str(run.full_reply.p95),
    }
    return {name: value for name, value in known.items() if value}


def _output(run: RunVerdict) -> str:
    lines = [f"{name}: {value}" for name, value in _properties(run).items()]
    lines += [f"note: {printable_line(note)}" for note in run.notes]
    lines += [f"rubric: {printable_line(each.name)}: {printable_line(rule_result(each))}" for each in run.rubric]
    lines += [f"metric: {printable_line(each.name)}: {printable_line(metric_result(each))}" for each in run.metrics]
    lines += [f"statement: {printable_line(each.text)}: {statement_result(each)}" for each in run.statements]
    lines += [f"check: {printable_line(each.name)}: {check_result(each)}" for each in run.checks]
    for line in transcript_lines(run):
        text = line.text.replace("\n", "\n" + " " * 20)
        reply = f"  [reply after {line.reply_time}]" if line.reply_time else ""
        lines.append(f"{line.at:>7} {line.speaker:<10}  {text}{reply}")
    return "\n".join(lines)
