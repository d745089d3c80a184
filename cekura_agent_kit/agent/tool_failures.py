"""Exceptions of the agent's tools in a test: livekit-agents tells the model only that an error occurred."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..own_code import raised_at
from ..safe_text import one_line, secrets_of, without_secrets, without_tokens

if TYPE_CHECKING:
    from .job import JobUnderTest

_LENGTH: Final = 1_000
"""Characters of an exception's text: some repeat the whole answer of a service."""


class ToolFailure(NamedTuple):
    """Exception that a tool raised."""

    exception: str
    """``ValueError: no table``, on one line, without secrets."""
    place: str
    """``tools/menu.py:41``: the innermost line of the agent's own code; empty if there is none."""


class ToolFailures:
    """Exceptions of the tools of one job, by the id of their call."""

    def __init__(self) -> None:
        self._by_call: dict[str, ToolFailure] = {}

    def add(self, call_id: str, error: BaseException) -> None:
        """Record the exception of a call."""
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
        text = without_secrets(without_tokens(text), secrets_of(os.environ))
        self._by_call[call_id] = ToolFailure(one_line(text, _LENGTH), raised_at(error))

    def remove(self, call_id: str) -> None:
        """Forget a call's exception: some models use one id again."""
        self._by_call.pop(call_id, None)

    def of(self, call_id: str) -> ToolFailure | None:
        """Return the exception of a call; None if it raised none."""
        return self._by_call.get(call_id)


def make_tool_output(job: JobUnderTest, original: Any, *args: Any, **kwargs: Any) -> Any:
    """Replace ``generation.make_tool_output``: record the exception, and let livekit-agents go on as ever."""
    output = original(*args, **kwargs)
    error, call = getattr(output, "raw_exception", None), getattr(output, "fnc_call", None)
    if call is None:
        return output
    failures = job.part(ToolFailures)
    if failures is None:
        job.add(failures := ToolFailures())
    # StopResponse is an exception, too, and not an error: it has no output up to 1.7, and one that is none later.
    if error is not None and getattr(output.fnc_call_out, "is_error", False):
        failures.add(call.call_id, error)
    else:
        failures.remove(call.call_id)
    return output
