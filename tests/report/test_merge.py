"""`cekura-kit report` and `cekura-kit schema`: merged shards, refused reports, schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cekura_agent_kit.cli import app
from cekura_agent_kit.errors import ReportError
from cekura_agent_kit.report import html
from cekura_agent_kit.report.merge import merged
from cekura_agent_kit.verdict import Kind, Outcome, RunVerdict, Shard, SkipReason, SuiteVerdict

from .verdicts import ERRORED, FAILED, PASSED, POOL, SKIPPED, mixed, run, suite

LATER = "2026-03-01T10:30:10+01:00"
"""Ten seconds after the first shard's start, told in another time zone."""


def test_shards_become_one() -> None:
    one = suite(run(1), rooms_left=["a"])
    two = suite(run(2, FAILED), started_at=LATER, suite_id="77", duration_s=30.0, rooms_left=["a", "b"])
    both = merged([two, one])
    assert [each.case for each in both.runs] == ["30#2", "30#1"]
    assert (both.outcome, both.suite, both.suite_id) == (FAILED, "restaurant", "77+5f0c9a")
    assert both.started_at == "2026-03-01T09:30:00+00:00"
    assert both.duration_s == 40.0
    assert len(both.results) == 1
    assert both.rooms_left == ["a", "b"]
    assert [(each.passed, each.failed, each.flaky) for each in both.scenarios] == [(1, 1, True)]


def test_times_are_counted_from_the_earliest_start() -> None:
    both = merged([suite(run(1)), suite(run(2), started_at=LATER)])
    assert both.runs[0] == run(1)
    assert both.runs[1].timeline.evaluator_joined == 14.0
    assert both.runs[1].timeline.model_fields_set == run(2).timeline.model_fields_set
    assert both.runs[1].transcript[0].at == 14.1


def test_the_same_report_twice_counts_once() -> None:
    assert merged([mixed(), mixed()]).scenarios == mixed().scenarios
    assert merged([mixed()]) == mixed()


def test_a_case_run_again_counts_with_both_runs() -> None:
    again = merged([suite(run(1, FAILED)), suite(run(1, run_id=80000, room="other"), started_at=LATER)])
    assert [each.outcome for each in again.runs] == [FAILED, PASSED]
    assert again.scenarios[0].flaky


def test_a_case_that_was_not_run_gives_way_to_one_that_was() -> None:
    skipped = run(1, ERRORED, kind=Kind.NOT_RUN, run_id=None, room="")
    assert merged([suite(skipped), suite(run(1))]).outcome is PASSED
    assert merged([suite(skipped), suite(run(2))]).outcome is ERRORED


def test_rates_and_a_broken_shard_are_kept() -> None:
    rate = merged([suite(run(1), pass_rates={POOL: 0.5}), suite(run(2, FAILED), pass_rates={POOL: 0.5})])
    assert rate.outcome is PASSED
    broken = merged([suite(run(1)), suite(run(2), kind=Kind.WORKER_FAILED, hint="look at its log")])
    assert (broken.exit_code, broken.kind, broken.hint) == (2, Kind.WORKER_FAILED, "look at its log")


def shard(index: int, *runs: RunVerdict, of: int = 3, **more: Any) -> SuiteVerdict:
    return suite(*runs, shard=Shard(index=index, of=of), **more)


def test_all_shards_are_the_whole_suite() -> None:
    whole = merged([shard(3, run(3)), shard(1, run(1)), shard(2, run(2))])
    assert (whole.outcome, whole.kind, whole.shard) == (PASSED, None, None)


@pytest.mark.parametrize("present", [[1], [1, 3], [2, 2]])
def test_a_missing_shard_is_never_a_success(present: list[int]) -> None:
    verdict = merged([shard(index, run(index)) for index in present])
    assert (verdict.outcome, verdict.kind, verdict.exit_code) == (ERRORED, Kind.SHARD_MISSING, 2)
    missing = ", ".join(f"{index}/3" for index in (1, 2, 3) if index not in present)
    assert verdict.hint == f"give the reports of all shards; missing: {missing}"


def test_a_missing_shard_hides_no_other_hint() -> None:
    broken = shard(1, run(1), kind=Kind.WORKER_FAILED, hint="read its log")
    assert merged([broken]).hint == "give the reports of all shards; missing: 2/3, 3/3; and read its log"


def test_a_report_of_the_whole_suite_stands_for_missing_shards() -> None:
    assert merged([shard(1, run(1)), suite(run(1, run_id=80000), run(2))]).outcome is PASSED


def test_shards_of_different_splits_are_refused() -> None:
    with pytest.raises(ReportError, match="different splits: into 2 and 3 parts"):
        merged([shard(1, run(1)), shard(1, run(1), of=2)])


def test_a_skipped_case_gives_way_to_one_that_ran() -> None:
    skipped = run(1, SKIPPED, run_id=None, room="", reason=SkipReason.FAIL_FAST)
    assert merged([suite(skipped, run(2, FAILED)), suite(run(1))]).pools[0].skipped == 0
    assert merged([suite(skipped, run(2)), suite(run(3))]).outcome is FAILED


def test_reports_of_different_suites_are_refused() -> None:
    with pytest.raises(ReportError, match="different suites: 'restaurant', 'bank'"):
        merged([suite(run(1)), suite(run(2), suite="bank")])
    with pytest.raises(ReportError, match="started_at is 'yesterday'"):
        merged([suite(run(1)), suite(run(2), started_at="yesterday")])


def test_the_command_renders_again_and_its_code_is_the_verdict_s(tmp_path: Path) -> None:
    shards = [tmp_path / "1.json", tmp_path / "2.json"]
    for shard, verdict in zip(shards, (suite(run(1)), suite(run(2, FAILED))), strict=True):
        shard.write_text(verdict.to_json(), encoding="utf-8")
    out = {form: tmp_path / "made" / f"all.{form}" for form in ("json", "junit", "markdown", "html")}
    flags = [part for form, path in out.items() for part in (f"--{form}", str(path))]
    result = CliRunner().invoke(app, ["report", *map(str, shards), *flags])
    assert result.exit_code == 1, result.output
    assert "The agent failed 1 of 2 runs." in result.stdout
    assert SuiteVerdict.from_json(out["json"].read_bytes()).outcome is Outcome.FAILED
    assert "<testsuites" in out["junit"].read_text(encoding="utf-8")
    assert out["markdown"].read_text(encoding="utf-8").startswith("## ❌ restaurant")
    assert out["html"].read_text(encoding="utf-8").startswith("<!doctype html>")
    assert CliRunner().invoke(app, ["report", str(shards[0])]).exit_code == 0


def test_github_gets_its_summary_and_annotations(tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    report.write_text(mixed().to_json(), encoding="utf-8")
    summary = tmp_path / "summary.md"
    summary.write_text("# before\n", encoding="utf-8")
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    result = CliRunner().invoke(app, ["report", str(report)], env=environment)
    assert "\n::error title=restaurant::The agent failed 1 of 5 runs, and the test broke in 1: " in result.stdout
    assert summary.read_text(encoding="utf-8").startswith("# before\n## ⚠️ restaurant")
    quiet = CliRunner().invoke(app, ["report", str(report)], env={"GITHUB_ACTIONS": None, "GITHUB_STEP_SUMMARY": None})
    assert "::error" not in quiet.stdout


def changed(part: str = "", **keys: object) -> bytes:
    """Return the mixed report with keys of the report, or of the first element of a part, replaced."""
    report = json.loads(mixed().to_json())
    (report[part][0] if part else report).update(keys)
    return json.dumps(report).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Invalid JSON"),
        (b"[]", "the file: Input should be an object"),
        (b"{}", "suite: Field required"),
        (mixed().to_json().replace('"version": 2', '"version": 3').encode(), "a report of version 3"),
        (b"\xff\xfe\x00", "Invalid JSON"),
        (mixed().to_json().replace('"duration_s": 12.3', '"duration_s": Infinity').encode(), "duration_s: "),
        (mixed().to_json().replace('"people": 2', '"people": NaN').encode(), ": nan is not a finite number"),
        (mixed().to_json().replace('"people": 2', '"people": 1e999').encode(), ": inf is not a finite number"),
        (changed(outcome="passed"), "outcome: is passed, but its runs make it errored"),
        (changed(pools=[]), "pools: has 0, but its runs make 3"),
        (changed("pools", passed=3), "pools.0.passed: is 3, but its runs make it 2"),
        (changed("pools", entry="other"), "pools.0.entry: is other, but its runs make it "),
        (changed("pools", outcome="passed"), "pools.0.outcome: is passed, but its runs make it failed"),
        (changed("scenarios", flaky=False), "scenarios.0.flaky: is False, but its runs make it True"),
        (changed("pools", pass_rate=0.5), "pools.0.outcome: is failed, but its runs make it passed"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_is_no_report(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "r.json"
    if content is not None:
        file.write_bytes(content)
    result = CliRunner().invoke(app, ["report", str(file)])
    assert isinstance(result.exception, ReportError)
    assert str(result.exception).startswith(f"{file}: ")
    assert said in str(result.exception)
    assert "cekura-kit run --json" in result.exception.hint


def test_a_file_that_cannot_be_written_hides_no_verdict(tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    report.write_text(suite(run(1)).to_json(), encoding="utf-8")
    junit = tmp_path / "junit.xml"
    result = CliRunner().invoke(app, ["report", str(report), "--html", str(tmp_path), "--junit", str(junit)])
    assert result.exit_code == 2
    assert "The agent passed the one run." in result.stdout
    assert f"{tmp_path}: the html report cannot be written (Is a directory)" in result.stderr
    assert junit.exists()


@pytest.mark.parametrize(("of", "keys"), [("suite", {"runs"}), ("report", set(SuiteVerdict.model_fields))])
def test_schemas(of: str, keys: set[str]) -> None:
    result = CliRunner().invoke(app, ["schema", of])
    schema = json.loads(result.stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["required"]) == keys
    parts = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    described = {name: each for part in parts for name, each in part["properties"].items() if "$ref" not in each}
    assert [name for name, each in described.items() if "description" not in each and of == "report"] == []
    assert all("description" in each or "$ref" in each for each in schema["properties"].values())


def test_the_suite_s_schema_is_the_default() -> None:
    assert CliRunner().invoke(app, ["schema"]).stdout == CliRunner().invoke(app, ["schema", "suite"]).stdout


def test_the_sandbox_s_scenarios_have_a_schema() -> None:
    schema = json.loads(CliRunner().invoke(app, ["schema", "scenarios"]).stdout)
    assert {"name", "talk", "outcome", "patience"} <= set(schema["$defs"]["Scenario"]["properties"])


def test_the_report_depends_on_the_verdict_alone() -> None:
    verdict = mixed()
    assert html.render(verdict) == html.render(type(verdict).from_json(verdict.to_json()))
