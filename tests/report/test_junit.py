"""The JUnit report, as the schema, junitparser and XML itself read it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from junitparser import xunit2

from cekura_agent_kit.report import junit
from cekura_agent_kit.verdict import Kind, SuiteVerdict, Timeline

from .verdicts import ERRORED, FAILED, POOL, hostile, judged, many, mixed, run, suite


@cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(__file__).parent / "jenkins-junit.xsd")


def read(verdict: SuiteVerdict) -> xunit2.TestSuite:
    """The one suite of the report, after the schema had its say."""
    text = junit.render(verdict)
    schema().validate(text)
    (only,) = xunit2.JUnitXml.fromstring(text)
    assert isinstance(only, xunit2.TestSuite)
    return only


@pytest.mark.parametrize(
    "verdict",
    [
        mixed(),
        hostile(),
        judged(),
        suite(),
        many(60),
        suite(run(1), kind=Kind.TIMEOUT, hint="x"),
        suite(run(1), duration_s=1e5),
    ],
    ids=["mixed", "hostile", "judged", "empty", "many", "whole", "long"],
)
def test_valid_by_the_schema_of_jenkins(verdict: SuiteVerdict) -> None:
    read(verdict)


def test_read_back() -> None:
    report = read(mixed())
    assert (report.name, report.tests, report.failures, report.errors) == ("restaurant", 5, 1, 1)
    passed, failed, _, errored, _ = report
    assert passed.is_passed
    assert (passed.name, passed.classname, passed.time) == ("30#1 Books a table", "restaurant", 5.6)
    assert failed.is_failure
    assert failed.result[0].type == "failed"
    assert 'expected to hear "booked"; the agent said "Sorry, we are full tonight."' in failed.result[0].message
    assert "expected: The table is booked and confirmed." in failed.result[0].text
    assert errored.is_error
    assert errored.result[0].type == "evaluator_missing"
    assert "hint: check that Cekura can reach your LiveKit server from outside" in errored.result[0].text


def test_times_are_in_milliseconds() -> None:
    text = junit.render(suite(run(1, timeline=Timeline(room=0.1, verdict=0.8 - 0.1 / 3)), duration_s=2 / 3))

    times = re.findall(r' time="([\d.e-]*)"', text)
    assert len(times) >= 3
    assert all(re.fullmatch(r"\d+(\.\d{1,3})?", time) for time in times), times


def test_the_transcript_is_the_output() -> None:
    case = next(iter(read(mixed())))
    assert ' 0:01.6 tool        book_table(people=2, time="19:00") → table 4 is reserved' in case.system_out
    assert " 0:01.9 agent       Booked for two at seven. See you then!  [reply after 0.60 s]" in case.system_out
    assert case.system_out.startswith("mode: text\noutcome: passed\nrun_id: 70001\nresult_id: 9001\n")


def test_properties_name_run_result_and_mode() -> None:
    properties = {each.name: each.value for each in read(mixed()).properties()}
    assert properties["30#2.run_id"] == "70002"
    assert properties["30#2.result_id"] == "9001"
    assert properties["30#2.mode"] == "text"
    assert properties["31#1.kind"] == "evaluator_missing"


def test_a_failure_within_the_pass_rate_turns_no_build_red() -> None:
    verdict = suite(run(1), run(2, FAILED), pass_rates={POOL: 0.5})
    assert verdict.exit_code == 0
    report = read(verdict)
    assert report.failures == 0
    cases: list[Any] = list(report)
    assert [case.is_flaky for case in cases] == [False, True]


def test_a_suite_that_could_not_run_has_an_error() -> None:
    report = read(suite(kind=Kind.API_UNREACHABLE, hint="check CEKURA_API_URL"))
    assert (report.tests, report.errors) == (1, 1)
    assert next(iter(report)).result[0].message == "check CEKURA_API_URL"


@pytest.mark.parametrize("code", [0x0, 0x8, 0xB, 0x1B, 0x7F, 0x85, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF])
def test_what_xml_forbids_is_shown_not_written(code: int) -> None:
    bad: dict[str, Any] = {"reason": f"a{chr(code)}b", "scenario_name": f"a{chr(code)}b"}
    text = junit.render(suite(run(1, ERRORED, **bad)))
    assert chr(code) not in text
    case = ElementTree.fromstring(text.encode("utf-8")).find(".//testcase")
    assert case is not None
    shown = "a\ufffdb" if code > 0xFF else f"a\\x{code:02x}b"
    assert case.get("name") == f"30#1 {shown}"


def test_a_skipped_run_is_skipped() -> None:
    report = read(judged())
    assert (report.tests, report.failures, report.errors, report.skipped) == (5, 2, 1, 1)
    *_, skipped = report
    assert skipped.is_skipped
    assert skipped.result[0].message == "not run, because the outcome was already decided"
    assert {each.name: each.value for each in report.properties()}["shard"] == "2/4"


def test_what_was_measured_is_in_the_output() -> None:
    _, failed, *_ = read(judged())
    assert failed.result[0].message == "the agent's check failed: one booking (there are 2)"
    text = failed.result[0].text.splitlines()
    assert text[:3] == [
        "the agent failed",
        "because: the agent's check failed: one booking (there are 2)",
        "because: rubric rule Upsell failed with 2, it requires score gte 4: No dessert was offered.",
    ]
    output = failed.system_out.splitlines()
    for line in (
        "measured: yes",
        "rubric: Upsell: failed with 2, requires score gte 4",
        "rubric: Language: skipped",
        "metric: Words a minute: 140.5",
        "statement: The caller is happy.: could not be judged",
        "check: one booking: failed",
    ):
        assert line in output
