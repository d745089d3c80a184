"""Preflight of a suite: what can be known before anything is made or paid for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from ..errors import CekuraRefused, KitError
from ..verdict import Kind
from .cekura.client import Cekura
from .doctor.scenario_checks import UNKNOWN_HINT, ScenarioReport, check_scenarios
from .errored import Errored, unreachable
from .plan.planned_run import PlannedRun
from .rooms.service import LiveKit

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


async def check_services(livekit: LiveKit, cekura: Cekura) -> None:
    """Check that both services answer and accept the keys.

    Raises:
        Errored: one of them does not answer, or refuses its key.
    """
    try:
        await asyncio.gather(livekit.rooms(["cekura-kit"]), cekura.latest_runs(1))
    except CekuraRefused as error:
        if error.status not in (401, 403):
            _log.info("the list of runs was refused: %s", error)
            return
        raise Errored(Kind.START_REFUSED, str(error), hint=error.hint) from None
    except KitError as error:
        raise Errored(unreachable(error), str(error), hint=error.hint) from None


async def check_plan(cekura: Cekura, plan: Sequence[PlannedRun], *, agent: int | None) -> ScenarioReport:
    """Check the plan's scenarios, and return what is known of them.

    Args:
        cekura: the suite's client.
        plan: the runs.
        agent: the suite's agent id on Cekura, if it names one.

    Raises:
        Errored: Cekura does not know a scenario.
    """
    report = await check_scenarios(cekura, plan, agent=agent)
    if report.unknown:
        ids = ", ".join(map(str, report.unknown))
        raise Errored(Kind.START_REFUSED, f"not on Cekura: scenario {ids}; nothing was started", hint=UNKNOWN_HINT)
    return report
