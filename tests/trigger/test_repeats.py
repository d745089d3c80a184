"""`stop_when_decided`: a run begins only if its pool needs it, and what is left out changes no outcome."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import product
from statistics import mean

import pytest

from cekura_agent_kit.trigger.plan.planned_run import PlannedRun
from cekura_agent_kit.trigger.repeats import Repeats
from cekura_agent_kit.verdict import Outcome, SuiteVerdict
from cekura_agent_kit.verdict.decision import missing_verdicts, required_passes
from tests.hosted import hosted
from tests.planned import PLANNED

PASSES = {"status": "completed", "success": True, "evaluation": {"metrics": [{"eval_type": "binary", "passed": True}]}}
FAILS = {"status": "completed", "success": False}


@pytest.mark.parametrize("rate", [0, 0.2, 0.5, 0.6, 0.8, 0.9, 1])
def test_a_pool_is_decided_when_no_further_run_can_change_it_and_not_before(rate: float) -> None:
    """Every sequence of up to six runs, against all ways in which it can go on."""

    def outcome(passed: int, judged: int) -> bool:
        return passed >= required_passes(judged, rate)

    @cache
    def fewest(passed: int, failed: int, runs: int) -> int:
        """Further verdicts until all ways on have one outcome, in the shortest case."""
        left = runs - passed - failed
        ends = {outcome(passed + more, runs) for more in range(left + 1)}
        if len(ends) == 1 and passed + failed:
            return 0
        return 1 + min(fewest(passed + 1, failed, runs), fewest(passed, failed + 1, runs))

    for runs in range(1, 7):
        for passed, failed in product(range(runs + 1), repeat=2):
            if passed + failed <= runs:
                missing = missing_verdicts(passed, failed, runs=runs, pass_rate=rate)
                assert missing == fewest(passed, failed, runs), (passed, failed, runs)
                if not missing:
                    # The rate of the runs that were made says the same as that of all.
                    assert outcome(passed, passed + failed) == outcome(passed, runs)


def plan(runs: int, scenario: int = 30) -> list[PlannedRun]:
    name = f"{scenario} text"
    return [replace(PLANNED, case=f"{scenario}#{n}", scenario=scenario, entry=name) for n in range(1, runs + 1)]


async def begun(
    runs: list[PlannedRun], rate: float, outcomes: dict[str, Outcome], chance: random.Random
) -> Counter[str]:
    """Make the runs, each of which takes a random time, and return how many began and how many were left out."""
    repeats = Repeats(runs, {run.pool: rate for run in runs})
    counts: Counter[str] = Counter()

    async def make(run: PlannedRun) -> None:
        if not await repeats.may_begin(run):
            counts["left out"] += 1
            return
        counts["begun"] += 1
        for _ in range(chance.randrange(20)):
            await asyncio.sleep(0)
        repeats.end(run, outcomes[run.case])

    await asyncio.gather(*map(make, runs))
    return counts


@pytest.mark.parametrize(
    ("rate", "verdicts", "expected"),
    [
        (0.8, "p" * 20, 16),
        (0.8, "f" * 20, 5),
        (0.8, "p" * 15 + "f" * 4 + "p", 20),
        (1.0, "pppf" + "p" * 16, 4),
        (0.0, "f" * 20, 1),
        (0.8, "e" * 20, 20),
        (0.8, "efffff" + "p" * 14, 6),
    ],
)
async def test_no_run_is_made_in_vain(rate: float, verdicts: str, expected: int) -> None:
    outcome = {"p": Outcome.PASSED, "f": Outcome.FAILED, "e": Outcome.ERRORED}
    runs = plan(20)
    outcomes = {run.case: outcome[letter] for run, letter in zip(runs, verdicts, strict=True)}
    for seed in range(5):
        counts = await begun(runs, rate, outcomes, random.Random(seed))
        assert (counts["begun"], counts["left out"]) == (expected, 20 - expected)


def test_the_page_says_how_many_runs_are_saved() -> None:
    """20 runs at a rate of 0.8, in any order of verdicts: docs/suite.md has the means."""
    chance = random.Random(7)

    def needed(passes: float) -> int:
        passed = failed = 0
        while missing_verdicts(passed, failed, runs=20, pass_rate=0.8):
            if chance.random() < passes:
                passed += 1
            else:
                failed += 1
        return passed + failed

    means = {passes: mean(needed(passes) for _ in range(20_000)) for passes in (1.0, 0.9, 0.5, 0.0)}
    assert means == pytest.approx({1.0: 16, 0.9: 17.5, 0.5: 10.0, 0.0: 5}, abs=0.1)


def test_the_command_leaves_out_what_is_decided() -> None:
    with hosted((30, 31)) as services:
        services.cekura.fields = {30: PASSES, 31: FAILS}
        done = services.run(
            (30, 31), "--stop-when-decided", entry={"repeat": 20, "pass_rate": 0.8}, concurrency=10, timeout="60s"
        )
        assert Counter(each["scenario"] for start in services.cekura.starts for each in start.body["scenarios"]) == {
            30: 16,
            31: 5,
        }

    assert done.code == 1, done.printed
    verdict = SuiteVerdict.from_json(done.reports["json"])
    pools = [(pool.scenario, pool.outcome, pool.passed, pool.failed, pool.skipped) for pool in verdict.pools]
    assert pools == [(30, Outcome.PASSED, 16, 0, 4), (31, Outcome.FAILED, 0, 5, 15)]
    assert all(pool.stopped for pool in verdict.pools)
    assert {run.reason for run in verdict.runs if run.outcome is Outcome.SKIPPED} == {"decided"}
    assert "19 runs skipped" in done.printed
    assert done.reports["junit"].count("<skipped") == 19
    assert json.loads(done.reports["json"])["outcome"] == "failed"
