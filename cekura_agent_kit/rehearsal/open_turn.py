"""A turn of a rehearsed call that goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .internals.sessions import Recorder


@dataclass
class OpenTurn:
    """A turn that goes on.

    Attributes:
        said: the caller's words; None for the greeting, and for words of the agent's own accord.
        recorder: records what the session does.
        first_text: the number of text streams that the agent had opened before.
        unprocessed: id of the text stream whose words the session has not processed; empty when it has.
        error: what the session's text callback raised; livekit-agents logs it and goes on.
        began: `time.perf_counter` at its begin.
    """

    said: str | None
    recorder: Recorder
    first_text: int
    unprocessed: str = ""
    error: Exception | None = None
    began: float = field(default_factory=time.perf_counter)
