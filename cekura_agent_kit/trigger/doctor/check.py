"""Result of one of the doctor's checks, and what a check raises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from ...errors import KitError


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Attributes:
        detail: what was found.
        hint: what to do about it.
        worker_log: path of the suite's worker's log, of a check that failed while the worker ran or started.
    """

    name: str
    outcome: Literal["ok", "warning", "failed", "skipped"]
    detail: str = ""
    hint: str = ""
    worker_log: str = ""


class Wrong(KitError):
    """The check failed."""


class Doubtful(KitError):
    """The check found something that prevents no run, and makes it worth little."""


class NotNeeded(Exception):
    """The check does not apply here; the text is the reason."""


async def result_of(name: str, check: Callable[[], Awaitable[str]]) -> Check:
    """Make a check, and return its result."""
    try:
        return Check(name, "ok", await check())
    except NotNeeded as reason:
        return Check(name, "skipped", str(reason))
    except Doubtful as error:
        return Check(name, "warning", str(error), error.hint)
    except KitError as error:
        return Check(name, "failed", str(error), error.hint)
