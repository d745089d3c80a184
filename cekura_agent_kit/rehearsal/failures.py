"""Errors and notes for an agent that fails: its own error, with notes, or the lines at which it waits."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..errors import RehearsalError
from ..own_code import Place
from ..worker.source import place_of
from .frames import Waiting
from .internals.models import ModelRequest

__tracebackhide__ = True

_LINES: Final = 5
"""Waiting lines that an error names."""
_VARIABLE: Final = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|SECRET|REGION|ENDPOINT|URL|ID)\b")


def too_long(what: str, timeout: float, waits: Sequence[Waiting]) -> RehearsalError:
    """Return the error for a wait that was in vain; it names the lines at which the agent's own code waits."""
    hint = "give more time with rehearse(…, timeout=seconds)"
    if waits and all(each.is_for_another for each in waits):
        hint = "these lines wait for something that does not come in this rehearsal; more time would not help"
    lines = list(dict.fromkeys(map(str, waits)))[:_LINES]
    return RehearsalError("; ".join([f"{what} within {timeout:g} s", *lines]), hint=hint)


def deaf_session(handler: Callable[..., Any] | None) -> RehearsalError:
    """Return the error for words to an agent that handles ``lk.chat`` itself, with the handler's line."""
    place = f" ({place_of(handler)})" if handler is not None else ""
    return RehearsalError(
        f"the agent handles the text streams of lk.chat itself{place}: its session does not receive the caller's words",
        hint="use `text_input_cb` of RoomOptions(text_input=TextInputOptions(…)); or send with call.speak(…) and wait "
        "with call.room.until(…)",
    )


def not_replaced(request: ModelRequest) -> str:
    """Return the note on a request to a model of the agent's own."""
    place = f" at {request.place}" if request.place is not None else ""
    return (
        f"{request.model.label} was asked{place}: llm= replaces the models of the session and its agents, and not a "
        "model object that the agent asks by itself. With a real key such a request is paid for"
    )


def blocked(place: Place, timeout: float) -> RehearsalError:
    """Return the error for a line of the agent's that keeps the event loop."""
    return RehearsalError(
        f"{place} has kept the event loop for {timeout:g} s, and was interrupted",
        hint="await something there (`await asyncio.sleep(0)` in a loop), or run it in a thread: `asyncio.to_thread`",
    )


def explain_missing_key(error: BaseException) -> None:
    """Add to an error that names variables that are not set how a rehearsal sets them."""
    missing = [name for name in dict.fromkeys(_VARIABLE.findall(str(error))) if name not in os.environ]
    if missing:
        example = ", ".join(f'"{name}": "placeholder"' for name in missing)
        add_note(error, f"a rehearsal sets it with rehearse(…, env={{{example}}})")


def explain_model(error: BaseException) -> None:
    """Add to an error of a turn in which the agent's own model was asked how to replace the model."""
    add_note(error, "rehearse(…, llm=…) replaces the agent's own model by a scripted one, which needs no key")


def add_note(error: BaseException, note: str) -> None:
    """Add a note that pytest shows, once."""
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
