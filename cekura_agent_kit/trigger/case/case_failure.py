"""Failure of one run: from what was raised to the error that names the part at fault."""

from __future__ import annotations

import logging
from typing import Final

from ...errors import KitError
from ...verdict import Kind
from ..cekura.poller import FollowedRun
from ..errored import Errored, unreachable
from .judging import Observed

_log: Final = logging.getLogger("cekura_agent_kit.trigger")

_AGENT_KINDS: Final = (Kind.AGENT_MISSING, Kind.AGENT_REFUSED, Kind.AGENT_LEFT)
"""Kinds of an agent that did not start or go on, for which a gap of the sandbox is the likelier cause."""


def explained(error: Exception, seen: Observed, *, reading: FollowedRun | None, sandbox_gap: str) -> Errored:
    """Return the error of a run that could not be judged.

    Args:
        error: what was raised while the run was made.
        seen: what was observed of it.
        reading: its reading on Cekura; None if it was not started.
        sandbox_gap: the first request during the run that the sandbox could not serve; empty if there is none.
    """
    if isinstance(error, Errored):
        if error.kind in _AGENT_KINDS and sandbox_gap:
            return Errored(Kind.SANDBOX_FAILED, f"{sandbox_gap}; {error}")
        return error
    if isinstance(error, TimeoutError):
        return _timed_out(seen, reading)
    if isinstance(error, KitError):
        return Errored(unreachable(error), str(error), hint=error.hint)
    _log.error("run %s failed", seen.planned.case, exc_info=error)
    return Errored(
        Kind.INTERNAL,
        f"a fault of cekura-kit itself: {type(error).__name__}: {error}",
        hint="run it again with CEKURA_KIT_DEBUG=1 for the traceback, and report it",
    )


def _timed_out(seen: Observed, reading: FollowedRun | None) -> Errored:
    waited = f"within {seen.planned.timeout:g} s"
    if reading is not None and reading.error is not None:
        return Errored(
            Kind.CEKURA_UNREACHABLE,
            f"the verdict could not be read {waited}: {reading.error}",
            hint=reading.error.hint,
        )
    status = reading.latest.status if reading and reading.latest else "not known"
    if status == "completed":
        return Errored(Kind.RUN_FAILED, f"Cekura completed the run, and gave no verdict {waited}")
    if not seen.evaluator_came:
        return Errored(
            Kind.EVALUATOR_MISSING,
            f"Cekura's evaluator did not join the room {waited}; the run is {status}",
            hint="Cekura queues runs beyond your plan's limit: raise `timeout`, or lower `concurrency`. Check that "
            "LIVEKIT_URL can be reached from outside",
        )
    return Errored(Kind.TIMEOUT, f"no verdict {waited}; the run is {status}")
