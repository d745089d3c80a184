"""`cekura-kit scenarios [SUITE]`: list the scenarios that there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...counting import counted
from ..console import say

if TYPE_CHECKING:
    from ...trigger.cekura.api_scenario import ApiScenario
    from ...trigger.plan.selection import Select
    from ...trigger.plan.suite import Suite

_WIDEST: Final = 44
"""Characters of a column, but for the last one."""


def scenarios(
    suite: Annotated[
        Path | None,
        typer.Argument(metavar="[SUITE]", help="Suite file or its folder. Default: cekura.yaml, if it exists."),
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="List those of the suite's sandbox.")] = False,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="With this tag, or another one given.")
    ] = None,
    folder: Annotated[str | None, typer.Option(metavar="PATH", help="In this folder, or below it.")] = None,
    agent: Annotated[int | None, typer.Option(help="Of this agent on Cekura. Default: the suite's.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write them as JSON; - prints it.")
    ] = None,
) -> None:
    """List scenarios with tags and folder, and what makes each worthless. Nothing is started.

    Exit codes: 0 some are listed, 2 there is none, or they cannot be read.
    """
    from ...trigger.plan.suite import Suite
    from .. import signals
    from ..option_values import suite_here
    from ..outputs import check_writable, is_stdout, write_json

    given = suite_here(suite)
    loaded = Suite.load(given) if given is not None else None
    check_writable({"json": json_file})
    select = _select(tag or [], folder, agent if agent is not None or loaded is None else loaded.agent)
    found, notes = signals.run(_found(loaded, select, sandbox=sandbox))
    found = sorted(found, key=lambda each: each.id)
    say("\n".join(_table(found, notes)), err=is_stdout(json_file))
    if json_file is not None:
        write_json({"version": 1, "scenarios": [_record(each) for each in found], "notes": list(notes)}, json_file)


def _select(tags: Sequence[str], folder: str | None, agent: int | None) -> Select | None:
    from ...trigger.plan.selection import Select

    keys: dict[str, Any] = {"any_tags": list(tags) or None, "folder": folder, "agent": agent}
    return Select(**keys) if any(value is not None for value in keys.values()) else None


async def _found(
    suite: Suite | None, select: Select | None, *, sandbox: bool
) -> tuple[Sequence[ApiScenario], Sequence[str]]:
    from ...errors import SuiteError
    from ...trigger.cekura.client import Cekura
    from ...trigger.choosing import Source, among, find, on_cekura
    from ...trigger.settings.settings import Settings
    from ..planning import sandbox_scenarios

    async def read(source: Source) -> tuple[Sequence[ApiScenario], Sequence[str]]:
        found, notes = await find(select, source) if select is not None else await source(None, "")
        if not found:
            raise SuiteError("there is no scenario", hint="check that the key belongs to the scenarios' organization")
        return found, notes

    if sandbox:
        if suite is None:
            raise SuiteError("--sandbox needs a suite", hint="give the suite file, or its folder")
        return await read(among(sandbox_scenarios(suite)))
    settings = Settings.from_environment(*([suite.folder] if suite else []), livekit=False)
    settings.check()
    async with Cekura(settings) as cekura:
        return await read(on_cekura(cekura))


def _flaws(scenario: ApiScenario) -> list[str]:
    from ...trigger.doctor.scenario_checks import FLAWS

    return [flaw.name for flaw in FLAWS if flaw.is_in(scenario)]


def _record(scenario: ApiScenario) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "name": scenario.name,
        "agent": scenario.agent,
        "folder": scenario.folder or "",
        "tags": list(scenario.tags or ()),
        "metrics": list(scenario.metrics or ()),
        "expected_outcome": scenario.expected_outcome or "",
        "flaws": _flaws(scenario),
    }


def _table(found: Sequence[ApiScenario], notes: Sequence[str]) -> list[str]:
    """Return the lines of the table, each column as wide as its longest cell, and a summary."""
    from ...report.sanitize import console_line

    flaws = [", ".join(_flaws(each)) for each in found]
    rows = [("id", "name", "agent", "folder", "tags", "worthless because")]
    rows += [
        (str(each.id), each.name, str(each.agent or ""), each.folder or "", ", ".join(each.tags or ()), why)
        for each, why in zip(found, flaws, strict=True)
    ]
    cells = [[console_line(cell, _WIDEST if n < len(row) - 1 else 200) for n, cell in enumerate(row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    worthless = sum(map(bool, flaws))
    verb = "proves" if worthless == 1 else "prove"
    summary = counted(len(found), "scenario") + (f", of which {worthless} {verb} little" if worthless else "")
    return [*lines, summary, *(f"note: {console_line(note)}" for note in notes)]
