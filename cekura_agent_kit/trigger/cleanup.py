"""Clean-up of a suite: runs end first, since they cost money; then the rooms are deleted; the worker stops last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from ..errors import CekuraError, LiveKitError
from ..verdict import RunVerdict
from .cekura.client import Cekura
from .context import SuiteContext
from .rooms.room import Room
from .rooms.service import retried
from .stop import Grace

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


async def clean_up(
    context: SuiteContext,
    verdicts: Mapping[str, RunVerdict],
    unfinished: Iterable[asyncio.Task[RunVerdict]],
    *,
    note: Callable[[str, str], None],
) -> None:
    """End on Cekura what still runs, end the unfinished runs here, and delete every room of the suite.

    The steps are the same after the last run and after a stop; `Stop.grace` says how long each may take. The worker is
    stopped afterwards by whoever started it.

    Args:
        context: of the suite.
        verdicts: verdicts that are known, by case.
        unfinished: tasks of runs without a verdict; they are cancelled, and delete their own rooms.
        note: called with a case and a note for its report, if its run could not be ended and may go on on Cekura.
    """
    grace = context.stop.grace
    if context.stop.reason is not None:
        context.livekit.budget.open_up()
        # Cekura judges a run that is ended here by what was said so far. That is not the agent's failure.
        context.poller.close()
    await context.starter.close(within=grace.answers)
    for case, text in (await _end_runs(context, verdicts, grace)).items():
        note(case, text)
    await _cancel(unfinished, grace)
    await context.starter.cancel()
    rooms = context.rooms.rooms
    await asyncio.gather(*(delete_room(context, room, within=grace.delete_rooms) for room in rooms))
    if context.rooms.created and not rooms:
        await _delete_reappeared(context, grace)


async def delete_room(context: SuiteContext, room: Room, *, within: float) -> None:
    """Delete a room, and strike it out of the register if that succeeded."""
    if await room.delete(within=within):
        context.rooms.remove(room.name)


async def _end_runs(context: SuiteContext, verdicts: Mapping[str, RunVerdict], grace: Grace) -> dict[str, str]:
    """End what was started and belongs to no verdict: also a run whose start was answered too late.

    Returns:
        By case, why its run could not be ended.
    """
    ended = {verdict.run_id for verdict in verdicts.values()}
    ends = {
        asyncio.create_task(_end_run(context.cekura, started.run_id)): case
        for case, started in context.starter.started.items()
        if started.run_id not in ended
    }
    if not ends:
        return {}
    done, late = await asyncio.wait(ends, timeout=grace.end_runs)
    for task in late:
        task.cancel()
    notes = {ends[task]: why for task in done if (why := task.result())}
    for task in late:
        run_id = context.starter.started[ends[task]].run_id
        notes[ends[task]] = f"run {run_id} could not be ended: no answer within {grace.end_runs:g} s"
    return notes


async def _end_run(cekura: Cekura, run_id: int) -> str:
    """Return why the run could not be ended; empty if it was."""
    try:
        await cekura.end_run(run_id)
    except CekuraError as error:
        return f"run {run_id} could not be ended: {error}"
    return ""


async def _cancel(tasks: Iterable[asyncio.Task[RunVerdict]], grace: Grace) -> None:
    open_tasks = [task for task in tasks if not task.done()]
    for task in open_tasks:
        task.cancel()
    if open_tasks:
        await asyncio.wait(open_tasks, timeout=2 * grace.delete_rooms)


async def _delete_reappeared(context: SuiteContext, grace: Grace) -> None:
    """Delete rooms that an evaluator's late join has created again: its token allows that, and nobody else is there."""
    within = grace.delete_rooms
    try:
        async with asyncio.timeout(within):
            reappeared = await context.livekit.rooms(context.rooms.created)
        for listed in reappeared:
            if await retried(partial(context.livekit.delete_room, listed.name), within=within) is not None:
                context.rooms.reappeared(listed.name)
    except (LiveKitError, TimeoutError) as error:
        _log.info("rooms could not be listed after the suite: %s", type(error).__name__)
