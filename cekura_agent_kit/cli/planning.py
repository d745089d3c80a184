"""Plan of a suite: its scenarios chosen, narrowed by the options, and split into shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..counting import counted
from .console import say

if TYPE_CHECKING:
    from ..trigger.cekura.api_scenario import ApiScenario
    from ..trigger.choosing import Choice
    from ..trigger.narrowing import Narrowing
    from ..trigger.plan.planned_run import PlannedRun
    from ..trigger.plan.suite import Suite
    from ..verdict import RunVerdict, Shard


@dataclass(frozen=True)
class PlannedSuite:
    """A suite, and what is run of it.

    Attributes:
        notes: on the plan, for the report.
        narrowed: the options that narrowed the plan, with the number of runs that are left; empty without any.
        retries: id of the report whose cases are run again; empty if it is none's.
        tries: conversations held in memory before anything is started (`--try`).
    """

    suite: Suite
    runs: list[PlannedRun]
    shard: Shard | None = None
    notes: Sequence[str] = ()
    narrowed: str = ""
    retries: str = ""
    tries: Sequence[RunVerdict] = ()


def plan_suite(
    suite: Suite, narrowing: Narrowing, *, sandbox: bool, shard: tuple[int, int], err: bool = False
) -> PlannedSuite:
    """Plan a suite.

    Args:
        suite: from its file.
        narrowing: conditions on its runs.
        sandbox: choose among the sandbox's scenarios, not among those on Cekura.
        shard: index and number of shards; 1 of 1 for the whole plan.
        err: print on stderr that the scenarios are read.

    Raises:
        SuiteError: nothing is chosen, nothing is left, or there are too many runs.
        CekuraError: the scenarios cannot be read.
        ScenarioError: the sandbox's cannot.
        SettingsError: keys or addresses are missing or unusable.
    """
    from ..trigger.choosing import Choice
    from ..trigger.plan.shards import shard_of
    from ..verdict import Shard
    from . import signals

    choice = Choice(suite)
    if suite.selects or narrowing.needs_scenarios:
        if not sandbox:
            say("reading the scenarios on Cekura", err=err)
        choice = signals.run(_choice(suite, sandbox=sandbox, all_known=narrowing.needs_scenarios))
    whole = choice.suite.plan()
    runs = narrowing.narrowed(whole, choice.known)
    suite.check_size(runs)
    narrowed = f"{narrowing.described}: {len(runs)} of {counted(len(whole), 'run')}" if narrowing.described else ""
    index, count = shard
    return PlannedSuite(
        choice.suite,
        shard_of(runs, index, count),
        Shard(index=index, of=count) if count > 1 else None,
        notes=(*choice.notes, *([f"narrowed by {narrowed}"] if narrowed else []), *_left_out(narrowing, whole)),
        narrowed=narrowed,
        retries=narrowing.report_id,
    )


def _left_out(narrowing: Narrowing, whole: list[PlannedRun]) -> list[str]:
    """Return a note on cases of an earlier report that the plan does not have any more."""
    gone = sorted(set(narrowing.cases or ()) - {run.case for run in whole})
    if not gone:
        return []
    shown = ", ".join(gone[:10]) + (", …" if len(gone) > 10 else "")
    return [f"not in the plan any more: {counted(len(gone), 'case')} of {narrowing.report}: {shown}"]


async def _choice(suite: Suite, *, sandbox: bool, all_known: bool) -> Choice:
    from ..trigger.choosing import among, choose, choose_on_cekura
    from ..trigger.settings.settings import Settings

    if sandbox:
        return await choose(suite, among(sandbox_scenarios(suite)), all_known=all_known)
    return await choose_on_cekura(suite, Settings.from_environment(suite.folder), all_known=all_known)


def sandbox_scenarios(suite: Suite) -> list[ApiScenario]:
    """Return the scenarios of the sandbox's file, as Cekura would store them.

    Raises:
        ScenarioError: the file is missing or does not fit.
    """
    from ..sandbox.cekura.records import scenario_record
    from ..sandbox.cekura.scenarios import load_scenarios
    from ..trigger.cekura.api_scenario import read_scenario

    scenarios = load_scenarios(suite.scenarios_file)
    return [read_scenario(scenario_record(each, scenario), each) for each, scenario in scenarios.items()]
