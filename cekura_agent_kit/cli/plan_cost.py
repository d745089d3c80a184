"""Cost of a plan, for `cekura-kit run --dry-run`: estimated from its scenarios, which are read from Cekura."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ..counting import credits
from ..report.sanitize import console_line

if TYPE_CHECKING:
    from ..trigger.estimate import Estimate
    from .planning import PlannedSuite

_READING: Final = 20.0
"""Seconds for reading scenarios and balance."""


@dataclass(frozen=True)
class PlanCost:
    """Cost of a plan.

    Attributes:
        estimate: before anything is started.
        balance: credits that are left; None if the key may not read them.
        notes: on what was read: unknown scenarios, what makes one worthless, what could not be read.
        billed: False for the sandbox.
    """

    estimate: Estimate
    balance: float | None = None
    notes: tuple[str, ...] = ()
    billed: bool = True

    @property
    def lines(self) -> list[str]:
        """Lines for people."""
        said = str(self.estimate) + ("" if self.billed else "; nothing is billed in the sandbox")
        lines = [f"  {'cost':<8}  {said}"]
        lines += [f"  {'balance':<8}  {credits(self.balance)}"] if self.balance is not None else []
        return lines + [f"  {'note':<8}  {console_line(note)}" for note in self.notes]

    @property
    def as_json(self) -> dict[str, Any]:
        """JSON object for programs."""
        return {
            "estimate": asdict(self.estimate),
            "balance": self.balance,
            "billed": self.billed,
            "notes": list(self.notes),
        }


def cost_of_plan(planned: PlannedSuite, *, sandbox: bool) -> PlanCost:
    """Estimate the cost of a plan. Without keys, or an answer, timeouts take the place of the scenarios' limits.

    Args:
        planned: the suite and its runs.
        sandbox: read the sandbox's file, not Cekura.
    """
    from ..errors import KitError
    from ..trigger.estimate import estimate_of
    from . import signals
    from .trying import left_out_of

    left_out = left_out_of(planned)
    planned = replace(planned, runs=[run for run in planned.runs if run.case not in left_out])
    if sandbox:
        return PlanCost(estimate_of(planned.runs, {}), billed=False)
    try:
        return signals.run(_read(planned))
    except (KitError, TimeoutError) as error:
        why = str(error).splitlines()[0] if str(error) else "no answer"
        return PlanCost(estimate_of(planned.runs, {}), notes=(f"the scenarios were not read: {why}",))


async def _read(planned: PlannedSuite) -> PlanCost:
    from ..trigger.cekura.client import Cekura
    from ..trigger.doctor.scenario_checks import check_scenarios
    from ..trigger.estimate import estimate_of, low_balance
    from ..trigger.settings.settings import Settings

    settings = Settings.from_environment(planned.suite.folder)
    settings.check()
    async with asyncio.timeout(_READING), Cekura(settings) as cekura:
        report, balance = await asyncio.gather(
            check_scenarios(cekura, planned.runs, agent=planned.suite.agent), cekura.balance()
        )
    estimate = estimate_of(planned.runs, report.known)
    notes = [f"not on Cekura: scenario {', '.join(map(str, report.unknown))}"] if report.unknown else []
    notes += [f"not read: scenario {', '.join(map(str, report.unread))}"] if report.unread else []
    notes += [*report.faults, low_balance(estimate, balance)]
    return PlanCost(estimate, balance, tuple(filter(None, notes)))
