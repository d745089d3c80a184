"""The list of scenarios on Cekura, read in pages until it ends: every page once, and never without an end."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from ...counting import counted
from ...errors import CekuraError
from ..json_values import field_of, int_of, items_of
from .api_scenario import ApiScenario, read_scenario
from .client import Cekura

PAGE: Final = 100
"""Scenarios of one page, as asked for. Cekura may send fewer: its limit is not documented."""
_MOST_PAGES: Final = 1000
_LONGEST: Final = 120.0
"""Seconds for the whole list."""
_HINT: Final = "name the scenarios by `scenario`, and report it to Cekura"


async def read_list(cekura: Cekura, *, agent: int | None = None, tag: str = "") -> tuple[list[ApiScenario], list[str]]:
    """Read all scenarios, or those of an agent or with a tag.

    Pages are asked for by number. The addresses that Cekura names are not followed: the key would be sent there.

    Args:
        cekura: the client.
        agent: Cekura's agent id.
        tag: a tag.

    Returns:
        The scenarios, in Cekura's order, each once, and notes about a list that does not add up.

    Raises:
        CekuraError: the list cannot be read, repeats itself, or does not end.
    """
    found: dict[int, ApiScenario] = {}
    count: int | None = None
    try:
        async with asyncio.timeout(_LONGEST):
            for number in range(1, _MOST_PAGES + 1):
                page = await cekura.scenario_page(number, size=PAGE, agent=agent, tag=tag)
                records = _records(page, number)
                new = {key: record for key, record in records.items() if key not in found}
                found |= {key: read_scenario(record, key) for key, record in new.items()}
                count = int_of(field_of(page, "count"))
                if not records or not field_of(page, "next"):
                    return list(found.values()), _doubts(len(found), count)
                if not new:
                    raise CekuraError(
                        f"Cekura's list of scenarios repeats itself: page {number} has only scenarios of earlier pages",
                        hint=_HINT,
                    )
    except TimeoutError:
        raise CekuraError(
            f"Cekura's list of scenarios was not read within {_LONGEST:g} s: {len(found)} of {count or 'unknown'}",
            hint=f"try again; or {_HINT}",
        ) from None
    raise CekuraError(f"Cekura's list of scenarios does not end: it has more than {_MOST_PAGES} pages", hint=_HINT)


def _records(page: Any, number: int) -> dict[int, Any]:
    """Return the records of a page by their ids. An array without pages is one page."""
    values = page if isinstance(page, list) else field_of(page, "results")
    if page is not None and not isinstance(values, list):
        raise CekuraError(f"page {number} of Cekura's list of scenarios is not a list", hint=_HINT)
    records = ((int_of(field_of(record, "id")), record) for record in items_of(values))
    return {key: record for key, record in records if key is not None}


def _doubts(found: int, count: int | None) -> list[str]:
    if count is None or count == found:
        return []
    return [f"Cekura counts {counted(count, 'scenario')}, and its pages had {found}: some may not have been chosen"]
