"""`--fail-on new` on an agent that has not changed: how often it says "worse", by simulation of whole suites.

docs/comparing.md states the figures. The simulation counts as the command does, which real reports confirm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from cekura_agent_kit.report.chance import ALPHA, fisher, significant, smallest
from cekura_agent_kit.report.compare import compared
from cekura_agent_kit.report.comparison_view import exit_code
from cekura_agent_kit.verdict import PoolId, SuiteVerdict
from cekura_agent_kit.verdict.decision import required_passes
from tests.report.comparing import PAGE
from tests.report.verdicts import FAILED, PASSED, run, suite

POOLS = 8
SUITES = 20_000
AGENTS = (1.0, 0.95, 0.9, 0.8)


@dataclass(frozen=True)
class Plan:
    """Repeats of each pool, the rate that it needs, and the number of reports of the baseline."""

    repeats: int
    rate: float
    reports: int

    def draw(self, agent: float, suites: int, seed: int = 19) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return passed runs: before, by suite, pool and report; now, by suite and pool."""
        draws = np.random.default_rng(seed)
        before = draws.binomial(self.repeats, agent, (suites, POOLS, self.reports))
        return before, draws.binomial(self.repeats, agent, (suites, POOLS))

    def worse(self, before: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each suite whether it is called worse than its baseline."""
        of_before, needed = self.repeats * self.reports, required_passes(self.repeats, self.rate)
        passed_in = (before >= needed).sum(axis=2)
        failing = (2 * passed_in > self.reports) & (now < needed)
        least = smallest(of_before, self.repeats)
        if not significant(dict.fromkeys(range(POOLS), (1.0, least)))[1]:
            return failing.any(axis=1)
        chances = np.array(
            [[fisher((k, of_before), (n, self.repeats)) for n in range(self.repeats + 1)] for k in range(of_before + 1)]
        )
        p = chances[before.sum(axis=2), now]
        order = p.argsort(axis=1, kind="stable")
        holm = np.take_along_axis(p, order, axis=1) < ALPHA / (POOLS - np.arange(POOLS))
        fell = np.take_along_axis(failing, order, axis=1) & (np.cumprod(holm, axis=1) == 1)
        return fell.any(axis=1)


PLANS = {
    "1 run, and 1 report of main": Plan(1, 1.0, 1),
    "1 run, and 5 reports": Plan(1, 1.0, 5),
    "3 runs, all required, and 1 report": Plan(3, 1.0, 1),
    "5 runs, 80 % required, and 1 report": Plan(5, 0.8, 1),
    "5 runs, 80 % required, and 5 reports": Plan(5, 0.8, 5),
    "10 runs, 80 % required, and 5 reports": Plan(10, 0.8, 5),
}


def row(name: str) -> str:
    """Return the row of the page's table."""
    shares = (PLANS[name].worse(*PLANS[name].draw(agent, SUITES)).mean() for agent in AGENTS)
    return f"| {name} | " + " | ".join(f"{share:.1%}".replace("%", " %") for share in shares) + " |"


@pytest.mark.parametrize("name", PLANS)
def test_the_page_states_how_often_an_agent_that_has_not_changed_is_called_worse(name: str) -> None:
    assert row(name) in PAGE.read_text(encoding="utf-8")


def test_where_repeats_can_tell_a_false_alarm_is_rare() -> None:
    rows = [
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| 5 runs") or "10 runs," in line
    ]
    assert len(rows) == 3
    for line in rows:
        assert all(float(share) / 100 <= ALPHA for share in re.findall(r"([\d.]+) % (?=\|)", line.split("|", 2)[2]))


@pytest.mark.parametrize("name", PLANS)
def test_the_command_counts_as_the_simulation_does(name: str) -> None:
    plan = PLANS[name]
    before, now = plan.draw(0.8, 8, seed=7)
    for index, worse in enumerate(plan.worse(before, now)):
        baselines = [_report(plan, before[index, :, report]) for report in range(plan.reports)]
        assert exit_code(compared(_report(plan, now[index]), baselines), fail_on="new") == int(worse)


def _report(plan: Plan, passed: NDArray[np.int64]) -> SuiteVerdict:
    runs = [
        run(n, PASSED if n <= count else FAILED, scenario=30 + pool)
        for pool, count in enumerate(passed)
        for n in range(1, plan.repeats + 1)
    ]
    return suite(*runs, pass_rates={PoolId.of(each): plan.rate for each in runs})
