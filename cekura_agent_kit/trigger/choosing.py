"""Choice of a suite's scenarios by its `select`s, when it is planned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from ..counting import counted
from ..errors import CekuraError, SuiteError
from .cekura.api_scenario import ApiScenario
from .cekura.client import Cekura
from .cekura.scenario_list import read_list
from .plan.selection import Select, is_below
from .plan.suite import Suite
from .settings.settings import Settings

Source = Callable[[int | None, str], Awaitable[tuple[Sequence[ApiScenario], Sequence[str]]]]
"""Returns the scenarios of an agent's id and with a tag, each of which may be left out, and notes on them."""

_SHOWN: Final = 10
"""Tags or folders that a hint lists."""


@dataclass(frozen=True)
class Choice:
    """A suite with the scenarios that its `select`s found.

    Attributes:
        notes: what does not add up, or has no effect.
        known: what was read of scenarios, by id.
    """

    suite: Suite
    notes: tuple[str, ...] = ()
    known: dict[int, ApiScenario] = field(default_factory=dict)


async def choose_on_cekura(suite: Suite, settings: Settings, *, all_known: bool = False) -> Choice:
    """Choose the scenarios of each `select` from those on Cekura. As `choose`, without a request for no `select`."""
    if not suite.selects and not all_known:
        return Choice(suite)
    settings.check()
    async with Cekura(settings) as cekura:
        return await choose(suite, on_cekura(cekura), all_known=all_known)


async def choose(suite: Suite, source: Source, *, all_known: bool = False) -> Choice:
    """Choose the scenarios of each `select`.

    Args:
        suite: the suite.
        source: the scenarios that there are, `on_cekura` or `among`.
        all_known: also read the scenarios that entries name by their ids.

    Returns:
        The suite with its scenarios, ascending by their ids for each entry.

    Raises:
        SuiteError: a `select` finds nothing.
        CekuraError: the scenarios cannot be read.
    """
    lists: dict[tuple[int | None, str], tuple[Sequence[ApiScenario], Sequence[str]]] = {}
    notes: dict[str, None] = {}
    chosen: dict[int, list[int]] = {}

    async def listed(agent: int | None, tag: str) -> tuple[Sequence[ApiScenario], Sequence[str]]:
        if (agent, tag) not in lists:
            lists[agent, tag] = await source(agent, tag)
        return lists[agent, tag]

    names = suite.entry_names()
    for index, given in suite.selects.items():
        select = _of_agent(given, suite.agent)
        found, said = await find(select, listed, place=suite.place("runs", index, "select"))
        chosen[index] = sorted(each.id for each in found)
        notes[f"entry {names[index]!r}: {counted(len(found), 'scenario')} chosen by {select.described}"] = None
        notes |= dict.fromkeys(f"entry {names[index]!r}: {each}" for each in said)
    named = {entry.scenario for entry in suite.runs if entry.scenario is not None}
    known = {each.id: each for scenarios, _ in lists.values() for each in scenarios}
    if all_known and not known.keys() >= named:
        known |= {each.id: each for each in (await listed(None, ""))[0]}
    return Choice(suite.with_chosen(chosen), tuple(notes), known)


async def find(select: Select, source: Source, *, place: str = "") -> tuple[list[ApiScenario], list[str]]:
    """Find the scenarios of a `select`.

    Args:
        select: what they are.
        source: the scenarios that there are.
        place: beginning of the error.

    Returns:
        The scenarios, at least one, and notes: what does not add up, or has no effect.

    Raises:
        SuiteError: there is none.
        CekuraError: the scenarios cannot be read.
    """
    scenarios, doubts = await source(select.agent, select.tag)
    found = [each for each in scenarios if _matches(select, each)]
    if not found:
        every = scenarios if not select.tag else (await source(select.agent, ""))[0]
        raise SuiteError(f"{place}no scenario is chosen by {select.described}", hint=_advice(select, every))
    return found, [*doubts, *_without_effect(select, scenarios)]


def on_cekura(cekura: Cekura) -> Source:
    """Return the scenarios on Cekura as a source."""

    async def source(agent: int | None, tag: str) -> tuple[Sequence[ApiScenario], Sequence[str]]:
        # A comma would be read as two tags.
        return await read_list(cekura, agent=agent, tag="" if "," in tag else tag)

    return source


def among(scenarios: Sequence[ApiScenario]) -> Source:
    """Return known scenarios as a source."""

    async def source(agent: int | None, tag: str) -> tuple[Sequence[ApiScenario], Sequence[str]]:
        return scenarios, ()

    return source


def _of_agent(select: Select, agent: int | None) -> Select:
    return select.model_copy(update={"agent": agent}) if select.agent is None and agent is not None else select


def _matches(select: Select, scenario: ApiScenario) -> bool:
    if scenario.tags is None and (select.tags or select.any_tags or select.not_tags):
        raise CekuraError("Cekura's list of scenarios does not name their tags", hint="choose by folder or agent")
    if scenario.folder is None and select.folder:
        raise CekuraError("Cekura's list of scenarios does not name their folders", hint="choose by tags or agent")
    return select.matches(tags=scenario.tags or (), folder=scenario.folder or "", agent=scenario.agent)


def _without_effect(select: Select, scenarios: Sequence[ApiScenario]) -> Iterable[str]:
    """Yield what of a `select` that has found something changes nothing: usually a typing error."""
    for tag in select.any_tags or ():
        if not any(tag in (each.tags or ()) and _matches(select, each) for each in scenarios):
            yield f"any_tags: no chosen scenario has the tag {tag!r}"
    for tag in select.not_tags or ():
        others = select.model_copy(update={"not_tags": [each for each in select.not_tags or () if each != tag]})
        if not any(tag in (each.tags or ()) and _matches(others, each) for each in scenarios):
            yield f"not_tags: the tag {tag!r} excludes no scenario"


def _advice(select: Select, scenarios: Sequence[ApiScenario]) -> str:
    """Return what to do about a `select` that finds nothing."""
    listing = "`cekura-kit scenarios` lists what there is"
    if not scenarios:
        of = f" of agent {select.agent}" if select.agent is not None else ""
        return f"there is no scenario{of} at all: check the agent's id, and the organization of the key"
    tags = sorted({tag for each in scenarios for tag in each.tags or ()})
    folders = sorted({each.folder for each in scenarios if each.folder})
    unknown = [tag for tag in (*(select.tags or ()), *(select.any_tags or ())) if tag not in tags]
    advice = [_unknown("tag", tag, tags) for tag in unknown]
    if select.folder and not any(is_below(folder, select.folder) for folder in folders):
        advice.append(_unknown("folder", select.folder, folders))
    return "; ".join([*(advice or ["no scenario has all that it asks for"]), listing])


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1) or [each for each in known if each.casefold() == name.casefold()]
    if near:
        return f"no scenario has the {what} {name!r}; did you mean {near[0]!r}?"
    some = ", ".join(known[:_SHOWN]) + (", …" if len(known) > _SHOWN else "")
    return f"no scenario has the {what} {name!r}; there is {some or 'none'}"
