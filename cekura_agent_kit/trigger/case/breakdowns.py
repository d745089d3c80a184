"""Breakdowns under a conversation: what broke that is neither the agent's nor Cekura's."""

from __future__ import annotations

from typing import Final

from ...counting import counted
from ...verdict import Kind
from ..errored import Errored
from ..rooms.outages import Outages
from ..rooms.witness import Witness
from ..worker.worker import Worker

_ROOM_LOST: Final = "the room was deleted during the conversation"


def breakdowns(
    *, worker: Worker | None, outages: Outages, room_lost: bool, witness: Witness | None, gap: str
) -> tuple[list[Errored], list[str]]:
    """Return what broke under a conversation, the deepest cause first, and what was seen that broke nothing.

    Args:
        worker: the suite's own worker.
        outages: of the LiveKit server, during the conversation.
        room_lost: the room was gone while the evaluator was in it.
        witness: None if the room had none.
        gap: the first request that the sandbox could not serve; empty if there is none.
    """
    broken: list[Errored] = []
    notes: list[str] = []
    if worker is not None and worker.died.is_set():
        broken.append(worker_died(worker))
        notes.append(f"the worker's log ends:\n{worker.tail()}")
    outages.witness_lost = witness is not None and witness.lost > 0
    if outages.is_breakdown:
        broken.append(Errored(Kind.LIVEKIT_UNREACHABLE, outages.description))
    elif outages.description:
        notes.append(outages.description)
    if room_lost and not outages.is_breakdown:
        # An agent may delete its room to hang up. The wrapper then sends an event, to a witness.
        if witness is None or not witness.receives_events:
            notes.append(f"{_ROOM_LOST}; it is not known by whom")
        elif not witness.agent_deleted_room:
            broken.append(_lost(_ROOM_LOST))
    if witness is not None and witness.lost:
        notes.append(f"the witness lost its connection to LiveKit {counted(witness.lost, 'time')}")
    if gap:
        broken.append(Errored(Kind.SANDBOX_FAILED, gap))
    return broken, notes


def worker_died(worker: Worker) -> Errored:
    """Return the error of a run whose worker ended by itself, was killed, or cannot be used."""
    if not worker.ending:
        failure = worker.failure()
        return Errored(Kind.WORKER_FAILED, str(failure), hint=failure.hint)
    return Errored(
        Kind.WORKER_FAILED,
        f"the suite's worker {worker.ending} during the conversation",
        hint="read the worker's log; SIGKILL often means that the machine had no memory left",
    )


def _lost(what: str) -> Errored:
    return Errored(
        Kind.LIVEKIT_UNREACHABLE,
        f"{what}, by neither the agent nor cekura-kit",
        hint="run it again, and find out who deletes rooms of this LiveKit project: `cekura-kit sweep` of another "
        "job, another tool with its key, or a restart of the server",
    )
