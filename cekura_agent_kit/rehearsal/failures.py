"""What a rehearsal raises when the agent fails: the agent's own error, with notes, or where the agent waits."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from ..errors import RehearsalError
from .job import Job

__tracebackhide__ = True

_VARIABLE: Final = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|SECRET|REGION|ENDPOINT|URL|ID)\b")


def too_long(what: str, timeout: float, job: Job) -> RehearsalError:
    """Return the error for a wait that was in vain; it names the line at which the entrypoint waits."""
    stack = [f"{Path(file).name}:{line} in {function}" for file, line, function in job.stack]
    waits = f"; the entrypoint waits at {' > '.join(stack)}" if stack else ""
    return RehearsalError(
        f"{what} within {timeout:g} s{waits}", hint="give more time with rehearse(…, timeout=seconds)"
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
