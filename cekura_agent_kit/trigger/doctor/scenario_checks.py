"""Scenarios of a plan, read from Cekura before anything is started: unknown ids, and what makes a run worthless."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ...errors import CekuraError
from ..cekura.api_scenario import END_CALL, ApiScenario
from ..cekura.client import Cekura
from ..plan.planned_run import PlannedRun

_AT_ONCE: Final = 8
"""Reads at the same time."""
_ANSWER: Final = 5.0
"""Seconds for one read."""
UNKNOWN_HINT: Final = (
    "copy the ids from the scenarios' pages on Cekura, and check that the key belongs to their organization; "
    "a start with a wrong id creates no runs"
)


@dataclass(frozen=True)
class Flaw:
    """Something that makes every run of a scenario worthless.

    Attributes:
        name: in two or three words.
        sentence: what follows "scenario 30" in a note: what is wrong, and what to do.
        is_in: returns True for a scenario that has it. What is not known is no flaw.
    """

    name: str
    sentence: str
    is_in: Callable[[ApiScenario], bool]


FLAWS: Final = (
    Flaw(
        "no metric",
        "has no metric: only the call's end is judged. Attach Expected Outcome, or another metric",
        lambda each: each.metrics == (),
    ),
    Flaw(
        "no expected outcome",
        "has no expected outcome: write on Cekura what the call should achieve",
        lambda each: each.expected_outcome == "",
    ),
    Flaw(
        "cannot hang up",
        f"lacks the tool {END_CALL}: the evaluator cannot hang up, so calls are long and use up credit",
        lambda each: each.tools is not None and END_CALL not in each.tools,
    ),
)

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


@dataclass(frozen=True)
class ScenarioReport:
    """Result of reading a plan's scenarios.

    Attributes:
        known: scenario id to its record.
        unknown: ids that Cekura does not know, in the order of the plan.
        unread: ids that could not be read for another reason; not a fault of the suite's.
        faults: what makes runs of these scenarios worthless, one sentence each, which names the scenarios.
    """

    known: dict[int, ApiScenario]
    unknown: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()
    faults: tuple[str, ...] = ()


async def check_scenarios(cekura: Cekura, plan: Sequence[PlannedRun], *, agent: int | None) -> ScenarioReport:
    """Read each scenario of the plan once.

    Args:
        cekura: the suite's client.
        plan: the runs.
        agent: the suite's agent id on Cekura, if it names one.

    Returns:
        The report. A scenario that cannot be read, for whatever reason but an unknown id, is listed in ``unread``: the
        check gives advice, and prevents nothing.
    """
    limit = asyncio.Semaphore(_AT_ONCE)
    ids = list(dict.fromkeys(planned.scenario for planned in plan))

    unknown: set[int] = set()

    async def read(scenario: int) -> ApiScenario | None:
        async with limit:
            try:
                async with asyncio.timeout(_ANSWER):
                    record = await cekura.scenario(scenario)
            except (CekuraError, TimeoutError) as error:
                _log.info("scenario %d was not read: %s", scenario, error)
                return None
        if record is None:
            unknown.add(scenario)
        return record

    records = await asyncio.gather(*map(read, ids))
    known = {record.id: record for record in records if record is not None}
    return ScenarioReport(
        known=known,
        unknown=tuple(scenario for scenario in ids if scenario in unknown),
        unread=tuple(scenario for scenario in ids if scenario not in unknown and scenario not in known),
        faults=tuple(faults_of(known, plan, agent=agent)),
    )


def faults_of(scenarios: dict[int, ApiScenario], plan: Sequence[PlannedRun], *, agent: int | None) -> Iterable[str]:
    """Yield what makes runs worthless, by what is known of their scenarios. Pure."""
    found = list(scenarios.values())
    timeouts = {planned.scenario: planned.timeout for planned in reversed(plan)}
    for flaw in FLAWS:
        if flawed := _listed(each for each in found if flaw.is_in(each)):
            yield f"{flawed} {flaw.sentence}"
    wanted = {planned.scenario for planned in plan if planned.test_profile is True}
    if no_profile := _listed(each for each in found if each.id in wanted and each.profile is None):
        yield f"{no_profile} has no test profile on Cekura, and the suite asks for it: its agent gets none"
    foreign = [each for each in found if agent is not None and each.agent is not None and each.agent != agent]
    for other in dict.fromkeys(each.agent for each in foreign):
        yield (
            f"{_listed(each for each in foreign if each.agent == other)} belongs to agent {other} on Cekura, "
            f"and the suite names agent {agent}"
        )
    for each in found:
        yield from _too_long(each, timeouts.get(each.id))


def _too_long(scenario: ApiScenario, timeout: float | None) -> Iterable[str]:
    """Yield a fault if calls may last longer than the run's timeout; the unit of `max_duration` is not documented."""
    longest = scenario.max_duration
    if longest is None or timeout is None or longest * 60 <= timeout:
        return
    unit = "" if longest > timeout else " if it is in minutes"
    yield (
        f"scenario {scenario.id}: max_duration {longest:g} is beyond the run's timeout of {timeout:g} s{unit}: "
        "raise `timeout`, or lower max_duration"
    )


def _listed(scenarios: Iterable[ApiScenario]) -> str:
    """Return ``scenario 30`` or ``each of the scenarios 30, 31``; empty without any."""
    ids = [str(each.id) for each in scenarios]
    if len(ids) < 2:
        return f"scenario {ids[0]}" if ids else ""
    return f"each of the scenarios {', '.join(ids)}"
