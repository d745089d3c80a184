"""Checks that the agent's own code makes in a test: `check` and `fail`. In a real call they do nothing."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Final

from ..contract import FAILED_ATTRIBUTE
from ..own_code import place_in
from ..safe_text import one_line, secrets_of, without_secrets, without_surrogates, without_tokens
from .options import UNDER_TEST

if TYPE_CHECKING:
    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")

_NAME: Final = 200
"""Characters of a check's name: it is a part of one sentence."""
_DETAIL: Final = 1_000
"""Characters of a check's detail."""
_LIMIT: Final = 200
"""Checks of one outcome that a job reports: a check in a loop must not flood the report."""
_READABLE: Final = 5.0
"""Seconds for which the agent stays in its room after a check that failed, where nobody receives events: the trigger
lists the room's participants every 2 s."""


@dataclass(frozen=True)
class MadeCheck:
    """One check that was made.

    Attributes:
        name: given by the agent's code.
        ok: it passed.
        detail: given by the agent's code; may be empty.
        place: line that made it, ``agent.py:41``.
        traceback: the same line, for an error that shows it.
    """

    name: str
    ok: bool
    detail: str
    place: str
    traceback: TracebackType

    def failure(self) -> AssertionError:
        """Return the error of a rehearsal that it fails; its traceback ends at the line of the check."""
        return AssertionError(f"the agent's check failed: {self}").with_traceback(self.traceback)

    def __str__(self) -> str:
        return self.name + (f" ({self.detail})" if self.detail else "")


class Checks:
    """Checks of one job.

    Args:
        job: the signed test.
        fail_rehearsal: called with the error of a check that failed, in a rehearsal; None in any other test.

    Attributes:
        listeners: called with each check, in the job's event loop.
        is_closed: the job has left its room: its shutdown callbacks run.
    """

    def __init__(self, job: JobUnderTest, *, fail_rehearsal: Callable[[BaseException], None] | None = None) -> None:
        self.listeners: list[Callable[[MadeCheck], None]] = []
        self.is_closed = False
        self._job, self._fail_rehearsal = job, fail_rehearsal
        self._loop = asyncio.get_running_loop()
        self._counts = {True: 0, False: 0}
        self._failed_at: float | None = None

    def add(self, made: MadeCheck) -> None:
        """Report a check; from a thread of the job, too."""
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here:
            self._add(made)
        else:
            self._loop.call_soon_threadsafe(self._add, made)

    async def readable(self) -> None:
        """Wait until the trigger can have read `cekura.failed`, if a check failed and nothing else reports it."""
        if self._failed_at is None or self._fail_rehearsal or (self._job.permit and self._job.permit.witness):
            return
        left = self._failed_at + _READABLE - time.monotonic()
        try:
            async with asyncio.timeout(left):
                await self._job.gone.wait()
        except TimeoutError:
            return

    def _add(self, made: MadeCheck) -> None:
        # The room of a rehearsal may be gone in on_session_end: nothing of it needs the room.
        if self.is_closed or (self._job.gone.is_set() and self._fail_rehearsal is None):
            logger.warning("too late to be reported, the agent has left its room: %s", _described(made))
            return
        logger.log(logging.INFO if made.ok else logging.ERROR, "%s", _described(made))
        if not made.ok and self._failed_at is None:
            self._failed_at = time.monotonic()
            self._job.set_attributes(**{FAILED_ATTRIBUTE: str(made)})
        if not made.ok and self._fail_rehearsal is not None:
            self._fail_rehearsal(made.failure())
        self._counts[made.ok] += 1
        if self._counts[made.ok] <= _LIMIT:
            for listener in self.listeners:
                listener(made)


def check(name: str, ok: object, detail: object = "") -> None:
    """Check something that only the agent's own code can know, in a test. In a real call it does nothing.

    A check that fails makes the run fail, whatever Cekura says of the conversation. One that passes is reported, and
    changes nothing. In a rehearsal, a check that fails is the test's failure. Use it in tools, in an agent's hooks and
    in ``on_session_end``; in a shutdown callback it is too late, since the room is gone by then::

        check("the calendar has the booking", await calendar.has(booking), f"looked for {booking}")

    Args:
        name: the statement that holds if the check passes.
        ok: true if it holds. A coroutine or a function, which would always be true, fails the check.
        detail: more on the outcome, such as the values that were compared.
    """
    job = _job()
    if job is not None:
        _make(job, name, ok, detail, sys._getframe(1))


def fail(reason: str) -> None:
    """Make the run fail, in a test. In a real call it does nothing. The code goes on: nothing is raised.

    Args:
        reason: the reason, as it stands in the report.
    """
    job = _job()
    if job is not None:
        _make(job, reason, False, "", sys._getframe(1))


def _job() -> JobUnderTest | None:
    """Return the test in whose job this code runs; None in a real call and outside of a job."""
    agents = sys.modules.get("livekit.agents")
    context = agents.get_job_context(required=False) if agents is not None else None
    return context.__dict__.get(UNDER_TEST) if context is not None else None


def _make(job: JobUnderTest, name: object, ok: object, detail: object, frame: FrameType) -> None:
    traceback = TracebackType(None, frame, frame.f_lasti, frame.f_lineno)
    place = place_in(traceback)
    text, holds, more = _clean(name, _NAME), False, _clean(detail, _DETAIL)
    if not text or name is None:
        # An error here would be one more exception of a tool, around which a model talks.
        text = f"a check without a name, at {place}"
    elif inspect.isawaitable(ok) or inspect.isroutine(ok):
        repair = "await it" if inspect.isawaitable(ok) else "call it"
        more = f"it was given a {type(ok).__name__}, which is always true: {repair}"
    else:
        try:
            holds = bool(ok)
        except Exception as error:  # noqa: BLE001 - an array, for example, is neither true nor false
            more = f"{type(error).__name__}: {error}"
    made = MadeCheck(text, holds, more, place, traceback)
    checks = job.part(Checks)
    if checks is None:
        logger.warning("not reported, since the test is not signed: %s", _described(made))
    else:
        checks.add(made)


def _described(made: MadeCheck) -> str:
    return f"the agent's check {'passed' if made.ok else 'failed'}: {made}, at {made.place}"


def _clean(text: object, limit: int) -> str:
    safe = without_secrets(without_tokens(without_surrogates(str(text))), secrets_of(os.environ))
    return one_line(safe, limit)
