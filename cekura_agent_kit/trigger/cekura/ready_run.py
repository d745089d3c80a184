"""A run that is ready to be started on Cekura, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..plan.planned_run import PlannedRun


@dataclass(frozen=True)
class StartedRun:
    """A run on Cekura, matched to its room. ``identified``: the start's answer was lost, and the run was found."""

    run_id: int
    result_id: int | None
    identified: bool = False


@dataclass
class ReadyRun:
    """A run whose agent waits in its room for the evaluator.

    Attributes:
        planned: the run.
        entry: makes its element of ``scenarios``, with a token minted at that moment.
        check_agent: checks the agent once more before money is spent; raises `Errored` if it is not ready any more.
        sent: set when its POST is being sent.
        evaluator_came: set when the evaluator was listed in the room.
        outcome: the started run, or `Errored`.
    """

    planned: PlannedRun
    entry: Callable[[], Mapping[str, Any]]
    check_agent: Callable[[], Awaitable[None]]
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    evaluator_came: asyncio.Event = field(default_factory=asyncio.Event)
    outcome: asyncio.Future[StartedRun] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def settled(self) -> None:
        """Wait until its POST is being sent, or it will not be sent."""
        sent: asyncio.Future[Any] = asyncio.ensure_future(self.sent.wait())
        outcome: asyncio.Future[Any] = self.outcome
        try:
            await asyncio.wait([sent, outcome], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sent.cancel()
