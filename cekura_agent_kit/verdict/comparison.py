"""Comparison of a report with earlier ones: the key `comparison` of the JSON report."""

from __future__ import annotations

from typing import Literal

from ..contract import Mode
from .outcomes import Outcome
from .report_model import ReportModel

Change = Literal["newly_failing", "still_failing", "fixed", "flaky", "passing", "errored", "new", "gone"]


class Baseline(ReportModel):
    """An earlier report that was compared with."""

    suite_id: str
    """Random id of that run of the suite."""
    started_at: str
    """ISO 8601, with its offset from UTC."""
    outcome: Outcome
    """Outcome of that report."""


class Rate(ReportModel):
    """Share of a pool's runs that passed, with its interval."""

    passed: int
    """Number of runs that passed."""
    judged: int
    """Number of runs that passed or failed; errored and skipped ones say nothing of the agent."""
    low: float | None = None
    """Lower end of the 95 % interval (Wilson), 0 to 1; null without a judged run."""
    high: float | None = None
    """Upper end of the interval."""


class PoolComparison(ReportModel):
    """One pool, before and now."""

    entry: str
    """Name of the entry in the suite's `runs`."""
    scenario: int
    """Id on Cekura."""
    name: str = ""
    """Name of the scenario."""
    mode: Mode
    change: Change
    """`flaky`: some of its runs passed and some failed, before and now. `errored`: it could not be judged now, or not
    before. `new`: no baseline has it. `gone`: only a baseline has it."""
    worse: bool = False
    """It passed before and fails now; with enough repeats to tell, not by chance."""
    before: Rate | None = None
    """Runs of all baselines together; null if none has the pool."""
    now: Rate | None = None
    """Runs of this report; null if the pool is gone."""
    by: Literal["rate", "outcome"] = "outcome"
    """`rate`: enough runs to tell a change from chance. `outcome`: too few, or the pool was stopped early."""
    p: float | None = None
    """Chance of so few passes now, or fewer, if nothing had changed (Fisher, one-sided); null if it is not known."""
    significant: bool = False
    """The rate fell, and chance explains it with less than 5 % over the whole suite (Holm)."""
    reply_before: float | None = None
    """Median of the reply times before, in seconds."""
    reply_now: float | None = None
    """Median of the reply times now, in seconds."""
    changed: list[str] = []
    """Changes on Cekura in between, of the scenario or the agent's version; empty also if that is not known."""
    url_before: str = ""
    """Page on Cekura of a run that went the other way before."""
    url_now: str = ""
    """Page on Cekura of the first run that shows the change."""


class Comparison(ReportModel):
    """Comparison of a report with its baselines."""

    baselines: list[Baseline]
    """The earlier reports, in the order in which they were given."""
    worse: int
    """Number of pools that are worse than before."""
    pools: list[PoolComparison]
    """All pools: worse ones first, then the other changes, then what stayed as it was."""
