"""The scenarios to pull, read from Cekura: by their ids, by tags, folder or agent, or those of a suite."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import SuiteError
from ..trigger.cekura.api_scenario import ApiScenario
from ..trigger.cekura.client import Cekura
from ..trigger.choosing import choose, find, on_cekura
from ..trigger.plan.selection import Select
from ..trigger.plan.suite import Suite
from .pulled import is_pulled


@dataclass(frozen=True)
class Chosen:
    """Scenarios that Cekura has.

    Attributes:
        gone: ids of pulled entries that were asked for, and that Cekura did not return.
        notes: what does not add up, or has no effect.
    """

    scenarios: Sequence[ApiScenario]
    gone: Collection[int] = ()
    notes: Sequence[str] = ()


async def read_chosen(
    cekura: Cekura, entries: Mapping[int, Any], *, ids: Collection[int] = (), select: Select | None = None
) -> Chosen:
    """Read scenarios by their ids, and those that a `select` finds.

    Args:
        cekura: the client.
        entries: values of the scenario file, by id.
        ids: of scenarios.
        select: what others are.

    Raises:
        SuiteError: Cekura does not know an id that was never pulled, or the `select` finds nothing.
        CekuraError: the scenarios cannot be read.
    """
    found: dict[int, ApiScenario] = {}
    notes: list[str] = []
    gone: set[int] = set()
    if select is not None:
        listed, notes = await find(select, on_cekura(cekura))
        found = {each.id: each for each in listed}
        gone = {key for key, value in entries.items() if key not in found and _was_chosen(select, value)}
    for number in sorted(set(ids) - found.keys()):
        scenario = await cekura.scenario(number)
        if scenario is not None:
            found[number] = scenario
        elif is_pulled(entries.get(number)):
            gone.add(number)
        else:
            raise SuiteError(
                f"Cekura knows no scenario {number}", hint="`cekura-kit scenarios` lists what there is for this key"
            )
    return Chosen(await _whole(cekura, found), gone, notes)


async def read_of_suite(cekura: Cekura, entries: Mapping[int, Any], suite: Suite) -> Chosen:
    """Read the scenarios that a suite names and that its `select`s find. As `read_chosen`."""
    choice = await choose(suite, on_cekura(cekura))
    planned = {run.scenario for run in choice.suite.plan()}
    known = {key: choice.known[key] for key in planned & choice.known.keys()}
    named = await read_chosen(cekura, entries, ids=planned - known.keys())
    scenarios = [*await _whole(cekura, known), *named.scenarios]
    return Chosen(scenarios, named.gone, choice.notes)


async def _whole(cekura: Cekura, found: Mapping[int, ApiScenario]) -> list[ApiScenario]:
    """Return the scenarios, each read alone if a list did not name its instructions."""
    whole = []
    for number, scenario in sorted(found.items()):
        if scenario.instructions is None:
            scenario = await cekura.scenario(number) or scenario
        whole.append(scenario)
    return whole


def _was_chosen(select: Select, entry: Any) -> bool:
    """Return True for a pulled entry that the `select` chose when it was pulled."""
    return is_pulled(entry) and select.matches(
        tags=entry.get("tags") or (), folder=entry.get("folder") or "", agent=entry.get("agent")
    )
