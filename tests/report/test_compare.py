"""A report beside earlier ones: what changed in each pool, what it counts for, and how each report shows it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cekura_agent_kit.cli import app
from cekura_agent_kit.contract import Mode
from cekura_agent_kit.errors import ReportError
from cekura_agent_kit.report import html, markdown, terminal
from cekura_agent_kit.report.compare import compared
from cekura_agent_kit.report.comparison_view import exit_code
from cekura_agent_kit.verdict import Latency, Outcome, PoolComparison, SuiteVerdict
from tests.report.verdicts import ERRORED, FAILED, PASSED, SKIPPED, run, suite

Counts = tuple[int, int]


def report(*pools: Counts | Outcome, first: int = 30, **more: Any) -> SuiteVerdict:
    """A report with a pool for each element: so many passed and failed runs, or one run of that outcome."""
    runs = []
    for scenario, pool in enumerate(pools, first):
        outcomes = [pool] if isinstance(pool, Outcome) else [PASSED] * pool[0] + [FAILED] * pool[1]
        runs += [run(n, outcome, scenario=scenario) for n, outcome in enumerate(outcomes, 1)]
    return suite(*runs, **more)


def only(verdict: SuiteVerdict) -> PoolComparison:
    assert verdict.comparison is not None
    (pool,) = verdict.comparison.pools
    return pool


@pytest.mark.parametrize(
    ("before", "now", "change", "worse"),
    [
        ((1, 0), (1, 0), "passing", False),
        ((1, 0), (0, 1), "newly_failing", True),
        ((0, 1), (0, 1), "still_failing", False),
        ((0, 1), (1, 0), "fixed", False),
        ((2, 1), (1, 2), "flaky", False),
        ((5, 0), (1, 4), "newly_failing", True),
        ((5, 0), (4, 1), "newly_failing", False),
        ((5, 0), (0, 1), "newly_failing", True),
        (ERRORED, (0, 1), "errored", False),
        ((1, 0), ERRORED, "errored", False),
        ((1, 0), SKIPPED, "errored", False),
    ],
)
def test_what_changed_in_a_pool(before: Any, now: Any, change: str, worse: bool) -> None:
    pool = only(compared(report(now), [report(before)]))
    assert (pool.change, pool.worse) == (change, worse)


def test_a_fall_that_can_be_chance_is_not_worse_and_one_that_cannot_be_told_is_judged_by_outcome() -> None:
    fallen = only(compared(report((1, 4)), [report((5, 0))]))
    assert (fallen.by, fallen.significant) == ("rate", True)
    assert fallen.p == pytest.approx(0.02381, abs=5e-5)
    slipped = only(compared(report((4, 1)), [report((5, 0))]))
    assert (slipped.by, slipped.significant, slipped.worse) == ("rate", False, False)
    few = only(compared(report((0, 3)), [report((3, 0))]))
    assert (few.by, few.significant, few.worse) == ("outcome", False, True)
    assert few.before is not None
    assert (few.before.passed, few.before.judged) == (3, 3)
    assert few.before.low == pytest.approx(0.4385, abs=5e-5)


def test_several_baselines_add_up_and_what_passed_in_most_of_them_passed() -> None:
    baselines = [report((1, 0)) for _ in range(4)] + [report((0, 1))]
    pool = only(compared(report((0, 1)), baselines))
    assert pool.before is not None
    assert (pool.before.passed, pool.before.judged) == (4, 5)
    assert (pool.change, pool.worse) == ("newly_failing", True)
    assert only(compared(report((0, 1)), baselines[3:])).change == "still_failing"


def test_pools_that_only_one_side_has_are_listed() -> None:
    verdict = compared(report((1, 0), (1, 0)), [report((1, 0), (1, 0), first=31)])
    assert verdict.comparison is not None
    assert {pool.scenario: pool.change for pool in verdict.comparison.pools} == {30: "new", 31: "passing", 32: "gone"}


def test_a_pool_that_was_stopped_early_is_compared_by_outcome() -> None:
    stopped = suite(*report((1, 4)).runs, run(6, SKIPPED, reason="decided"))
    pool = only(compared(stopped, [report((5, 0))]))
    assert (pool.by, pool.worse) == ("outcome", True)


def test_worse_comes_first_and_the_runs_that_show_it_are_linked() -> None:
    verdict = compared(report((1, 0), (0, 1), (0, 1)), [report((1, 0), (0, 1), (1, 0))])
    assert verdict.comparison is not None
    assert [pool.scenario for pool in verdict.comparison.pools] == [32, 31, 30]
    first = verdict.comparison.pools[0]
    assert (first.url_before, first.url_now) == (verdict.runs[2].url, verdict.runs[2].url)


def test_reply_times_are_beside_each_other() -> None:
    slow = suite(run(1, latency=Latency.of([2.0, 3.0, 4.0])))
    pool = only(compared(slow, [report((1, 0))]))
    assert (pool.reply_before, pool.reply_now) == (0.45, 3.0)


def test_a_baseline_of_version_1_is_compared_by_scenario_and_mode() -> None:
    now = suite(run(1, entry="gold"))
    assert only(compared(now, [report((1, 0))])).change == "passing"


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        (report((1, 0), suite="other"), "the baseline is of another suite: 'other', not 'restaurant'"),
        (suite(run(1, mode=Mode.VOICE)), "the baseline has no run in text mode"),
    ],
)
def test_a_baseline_that_tells_nothing_is_refused(baseline: SuiteVerdict, said: str) -> None:
    with pytest.raises(ReportError, match=said):
        compared(report((1, 0)), [baseline])


@pytest.mark.parametrize(
    ("before", "now", "failed", "new"),
    [
        ((1, 0), (1, 0), 0, 0),
        ((0, 1), (0, 1), 1, 0),
        ((1, 0), (0, 1), 1, 1),
        ((5, 0), (4, 1), 1, 0),
        ((1, 0), ERRORED, 2, 2),
    ],
)
def test_the_exit_code_says_failed_or_worse(before: Any, now: Any, failed: int, new: int) -> None:
    verdict = compared(report(now), [report(before)])
    assert exit_code(verdict, fail_on="failed") == failed
    assert exit_code(verdict, fail_on="new") == new


@pytest.mark.parametrize(("before", "change", "code"), [((1, 0), "newly_failing", 1), ((0, 1), "still_failing", 0)])
def test_what_failed_in_memory_is_failing(before: Counts, change: str, code: int) -> None:
    verdict = compared(suite(run(1, SKIPPED, reason="tried")), [report(before)])
    assert only(verdict).change == change
    assert exit_code(verdict, fail_on="new") == code


def test_what_fail_fast_left_out_is_no_success() -> None:
    verdict = compared(suite(run(1, FAILED), run(2, SKIPPED, reason="fail_fast")), [report((0, 1))])
    assert exit_code(verdict, fail_on="new") == 1


def test_each_report_shows_it(tmp_path: Path) -> None:
    verdict = compared(report((1, 4), (1, 0), (1, 0)), [report((5, 0), (0, 1), (1, 0))])
    console = Console(file=io.StringIO(), width=200)
    terminal.render(verdict, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Worse than the baseline in 1 pool: 1 newly failing, 1 fixed, 1 passing as before." in shown
    assert "5 of 5 passed (57 % to 100 %), now 1 of 5 passed (4 % to 62 %), not by chance (p 0.024)" in shown
    for text in (markdown.render(verdict), html.render(verdict)):
        assert "Worse than the baseline in 1 pool" in text
        assert "5 of 5 passed" in text
        assert "not by chance" in text
    assert SuiteVerdict.from_json(verdict.to_json()) == verdict


def test_hostile_names_are_text() -> None:
    name = "<script>alert(1)</script> | [x](http://evil) \x1b[2J"
    verdict = compared(suite(run(1, FAILED, scenario_name=name)), [suite(run(1, scenario_name=name))])
    console = Console(file=io.StringIO(), width=200)
    terminal.render(verdict, console)
    assert "\x1b[2J" not in console.file.getvalue()  # type: ignore[attr-defined]
    assert "<script>alert" not in html.render(verdict)
    table, _, _ = markdown.render(verdict).partition("<details>")
    assert "newly failing" in table
    assert "<script>" not in table
    assert "[x](http" not in table


def test_the_command(tmp_path: Path) -> None:
    now, before = tmp_path / "now.json", tmp_path / "main.json"
    now.write_text(report((0, 1)).to_json())
    before.write_text(report((0, 1)).to_json())
    out = tmp_path / "compared.json"

    def invoke(*options: str) -> Any:
        return CliRunner().invoke(app, ["report", str(now), *options])

    result = invoke("--baseline", str(before), "--fail-on", "new", "--json", str(out))
    assert result.exit_code == 0, result.output
    assert "Not worse than the baseline: 1 still failing." in result.output
    assert json.loads(out.read_text())["comparison"]["pools"][0]["change"] == "still_failing"
    assert invoke("--baseline", str(before)).exit_code == 1
    before.write_text(report((1, 0)).to_json())
    assert invoke("--baseline", str(before), "--fail-on", "new").exit_code == 1
    (tmp_path / "again.json").write_text(before.read_text())
    (tmp_path / "future.json").write_text(json.dumps(json.loads(before.read_text()) | {"version": 3}))
    for options, said in (
        (("--baseline", str(before), "--baseline", str(tmp_path / "again.json")), "again.json: the same report as"),
        (
            ("--baseline", str(tmp_path / "future.json")),
            "this cekura-kit reads versions 1 to 2",
        ),
        (("--fail-on", "new"), "--fail-on new needs a baseline"),
        (("--fail-on", "old"), "--fail-on is 'old'"),
        (("--baseline", str(tmp_path / "none.json")), "cannot be read"),
    ):
        assert said in str(invoke(*options).exception)
