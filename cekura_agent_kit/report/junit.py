"""The JUnit report, valid by the schema of Jenkins' xUnit plugin (``junit-10.xsd``).

That schema knows properties of a suite and none of a case: a run's ids stand in the suite's, named ``CASE.run_id`` and
so on, and again at the top of the case's ``system-out``.
"""

from __future__ import annotations

from typing import TypeVar

from junitparser import xunit2
from junitparser.junitparser import Error, Failure, Result, TestCase

from ..verdict import Outcome, PoolId, RunVerdict, SuiteVerdict
from .phrases import because, blame, duration, gist, title
from .sanitize import one_line, printable
from .transcript_lines import talk

R = TypeVar("R", bound=Result)


def render(verdict: SuiteVerdict) -> str:
    """The report as XML.

    ``failure`` for a run that failed, ``error`` for one that errored, ``flakyFailure`` (which is no failure) for one
    that failed in a scenario that passed by its rate: who reads it comes to the same verdict as the exit code.
    A suite that errored as a whole has one more case, which says so.
    """
    forgiven = {pool.id for pool in verdict.pools if pool.outcome is Outcome.PASSED}
    suite = xunit2.TestSuite(one_line(verdict.suite) or "suite")  # type: ignore[no-untyped-call]
    suite.timestamp = one_line(verdict.started_at)
    suite.add_property("suite_id", one_line(verdict.suite_id))
    for result in verdict.results:
        suite.add_property(f"result.{result.id}", one_line(f"{result.mode.value} {result.url}"))
    for run in verdict.runs:
        for name, value in _properties(run).items():
            suite.add_property(f"{one_line(run.case)}.{name}", value)
    # One after another, add_testcase() would count all cases again for each.
    cases: list[TestCase] = [_case(run, suite.name, PoolId.of(run) in forgiven) for run in verdict.runs]
    if verdict.kind is not None:
        cases.append(_whole_suite(verdict, suite.name))
    suite.add_testcases(cases)
    suite.time = round(verdict.duration_s, 3)
    report = xunit2.JUnitXml(suite.name)
    report.append(suite)  # type: ignore[no-untyped-call]
    report.tests, report.failures, report.errors = suite.tests, suite.failures, suite.errors
    report.time = suite.time
    return _text(report)


def _case(run: RunVerdict, suite: str, forgiven: bool) -> xunit2.TestCase:
    case = xunit2.TestCase(title(run), suite, duration(run) or 0.0)
    message = one_line(gist(run), 1000)
    if run.outcome is Outcome.ERRORED:
        case.result = _with_details(Error(message, run.kind.value if run.kind else "errored"), run)
    elif run.outcome is Outcome.FAILED and forgiven:
        case.add_interim_result(_with_details(xunit2.FlakyFailure(message, "failed"), run))
    elif run.outcome is Outcome.FAILED:
        case.result = _with_details(Failure(message, "failed"), run)
    case.system_out = _output(run)
    return case


def _with_details(result: R, run: RunVerdict) -> R:
    lines = [blame(run)]
    lines += [f"expected: {run.expected_outcome}"] if run.expected_outcome else []
    lines += [f"because: {reason}" for reason in because(run)]
    lines += [f"hint: {run.hint}"] if run.hint else []
    lines += [f"see: {run.url}"] if run.url else []
    result.text = printable("\n".join(lines))
    return result


def _whole_suite(verdict: SuiteVerdict, suite: str) -> xunit2.TestCase:
    kind = verdict.kind.value if verdict.kind else "errored"
    case = xunit2.TestCase("the suite as a whole", suite, 0.0)
    case.result = Error(one_line(verdict.hint, 1000) or kind, kind)
    return case


def _properties(run: RunVerdict) -> dict[str, str]:
    known = {
        "mode": run.mode.value,
        "outcome": run.outcome.value,
        "kind": run.kind.value if run.kind else "",
        "run_id": "" if run.run_id is None else str(run.run_id),
        "result_id": "" if run.result_id is None else str(run.result_id),
        "url": one_line(run.url),
        "room": one_line(run.room),
        "reply_median_s": "" if run.latency.median is None else str(run.latency.median),
        "reply_p95_s": "" if run.latency.p95 is None else str(run.latency.p95),
        "full_reply_median_s": "" if run.full_reply.median is None else str(run.full_reply.median),
        "full_reply_p95_s": "" if run.full_reply.p95 is None else str(run.full_reply.p95),
    }
    return {name: value for name, value in known.items() if value}


def _output(run: RunVerdict) -> str:
    lines = [f"{name}: {value}" for name, value in _properties(run).items()]
    lines += [f"note: {one_line(note)}" for note in run.notes]
    for at, who, words, took in talk(run):
        shown = words.replace("\n", "\n" + " " * 20)
        lines.append(f"{at:>7} {who:<10}  {shown}" + (f"  [reply after {took}]" if took else ""))
    return "\n".join(lines)


def _text(report: xunit2.JUnitXml) -> str:
    body = report.tostring()  # type: ignore[no-untyped-call]
    return body if isinstance(body, str) else body.decode("utf-8")
