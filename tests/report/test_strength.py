"""Strength of pools, as a plan states it, against 100,000 suites."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cekura_agent_kit.cli import app
from cekura_agent_kit.report.strength import AGENTS, let_through, runs_until_decided
from cekura_agent_kit.verdict import Outcome, PoolId, SuiteVerdict
from tests.report.verdicts import FAILED, PASSED, run, suite

SUITES = 100_000


def verdict_of_pool(passed: int, of: int, rate: float) -> SuiteVerdict:
    runs = [run(n, PASSED if n < passed else FAILED) for n in range(of)]
    return suite(*runs, pass_rates={PoolId.of(runs[0]): rate})


@pytest.mark.parametrize(("runs", "rate"), [(1, 1.0), (3, 1.0), (5, 0.8), (5, 0.5), (10, 0.9), (20, 0.8)])
def test_the_share_of_suites_that_are_let_through(runs: int, rate: float) -> None:
    """100,000 suites for each agent, judged as the report judges them."""
    draws = np.random.default_rng(19)
    passes = np.array([verdict_of_pool(k, runs, rate).outcome is Outcome.PASSED for k in range(runs + 1)])
    for agent in AGENTS:
        simulated = passes[draws.binomial(runs, agent, SUITES)].mean()
        assert let_through(agent, runs=runs, pass_rate=rate) == pytest.approx(simulated, abs=0.006)


def test_the_example_of_the_issue() -> None:
    assert let_through(0.7, runs=5, pass_rate=0.8) == pytest.approx(0.52822)
    assert let_through(1, runs=5, pass_rate=0.8) == 1
    assert let_through(0, runs=5, pass_rate=0.8) == 0


@pytest.mark.parametrize("agent", [1.0, 0.9, 0.5, 0.0])
def test_the_runs_until_a_pool_is_decided(agent: float) -> None:
    """At the sixteenth pass or the fifth failure of twenty runs."""
    made = np.random.default_rng(7).random((SUITES, 20)) < agent
    decided = (made.cumsum(axis=1) >= 16) | ((~made).cumsum(axis=1) >= 5)
    assert decided.any(axis=1).all()
    simulated = decided.argmax(axis=1).mean() + 1
    assert runs_until_decided(agent, runs=20, pass_rate=0.8) == pytest.approx(simulated, abs=0.03)


def test_a_plan_says_what_its_pools_can_show(tmp_path: Path) -> None:
    file, out = tmp_path / "cekura.yaml", tmp_path / "plan.json"
    file.write_text(
        "agent_name: a\nmode: text\npass_rate: 0.8\nstop_when_decided: true\n"
        "runs:\n- {scenario: 30, repeat: 5}\n- {scenario: 31, repeat: 5}\n- {scenario: 32, pass_rate: 1}\n"
    )
    done = CliRunner().invoke(app, ["run", str(file), "--dry-run", "--json", str(out)])
    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    assert "the agent passes 95 % 90 % 80 % 70 % 50 % of the time" in lines
    assert "5 runs, 80 % required (2 pools) 98 % 92 % 74 % 53 % 19 %" in lines
    assert "runs that decide it 4.2 4.3 4.3 4.1 3.5" in lines, done.output
    assert "1 run, 100 % required (1 pool) 95 % 90 % 80 % 70 % 50 %" in lines
    pools = json.loads(out.read_text())["pools"]
    assert [(pool["scenario"], pool["runs"], pool["pass_rate"]) for pool in pools] == [
        (30, 5, 0.8),
        (31, 5, 0.8),
        (32, 1, 1.0),
    ]
    assert pools[0]["let_through"][3] == {"agent_passes": 0.7, "share": 0.5282}
