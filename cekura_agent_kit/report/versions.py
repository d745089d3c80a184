"""Versions on Cekura of what two reports tested: scenarios and agents that were changed in between. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..verdict import PoolComparison, RunVerdict


def changes(before: Iterable[RunVerdict], now: Iterable[RunVerdict]) -> list[str]:
    """Return what was changed on Cekura between the runs of a pool; what is not known of both sides is no change."""
    before, now = list(before), list(now)
    found = []
    if _differ(_scenarios(before), _scenarios(now)):
        found.append("the scenario was changed on Cekura")
    agents = _agents(before), _agents(now)
    if _differ(*agents):
        old, new = (", ".join(sorted(each)) for each in agents)
        found.append(f"the agent's version on Cekura is {new}, and was {old}")
    return found


def notes(pools: Sequence[PoolComparison]) -> list[str]:
    """Return a sentence for each kind of change, with the scenarios of all pools that it concerns."""
    by_change: dict[str, dict[int, None]] = {}
    for pool in pools:
        for change in pool.changed:
            by_change.setdefault(change, {})[pool.scenario] = None
    return [
        f"since the baseline {change}: {', '.join(map(str, scenarios))}. The comparison there is not of the code alone"
        for change, scenarios in by_change.items()
    ]


def _differ(before: set[str], now: set[str]) -> bool:
    return bool(before and now and before != now)


def _scenarios(runs: Sequence[RunVerdict]) -> set[str]:
    return {run.scenario_version for run in runs} - {""}


def _agents(runs: Sequence[RunVerdict]) -> set[str]:
    return {run.agent_version for run in runs} - {""}
