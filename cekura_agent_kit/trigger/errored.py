"""`Errored`: a run, or a suite, that could not be judged, with its kind and what to do."""

from __future__ import annotations

from typing import Final

from ..errors import KitError, LiveKitError
from ..verdict import Kind

_HINTS: Final = {
    Kind.AGENT_LEFT: "read the worker's log of that time: did the job crash, or was the worker stopped?",
    Kind.EVALUATOR_MISSING: "check that LIVEKIT_URL can be reached from outside, and read the run's page on Cekura",
    Kind.RUN_FAILED: "read the run's page on Cekura; the agent was in the room until the end",
    Kind.CEKURA_UNREACHABLE: "Cekura may be down: read its status page, and try again",
    Kind.LIVEKIT_UNREACHABLE: "LiveKit may be down: check LIVEKIT_URL and its status page, and try again",
    Kind.SANDBOX_FAILED: "the sandbox cannot stand in for this service: test this agent with the hosted one",
    Kind.UNSCORED: "attach a metric, a rubric rule or an expected outcome to the scenario on Cekura; or set `unscored`",
    Kind.TIMEOUT: "raise `timeout` in the suite, or read on the run's page what it waits for",
}


class Errored(KitError):
    """Error of a run that could not be judged: ``kind`` in a word, the text in a sentence, ``hint`` what to do."""

    def __init__(self, kind: Kind, message: str, *, hint: str = "", is_final: bool = False) -> None:
        super().__init__(message, hint=hint or _HINTS.get(kind, ""))
        self.kind = kind
        self.is_final = is_final
        """Another start would be refused for the same reason: the account, the key or the balance."""


def unreachable(error: KitError) -> Kind:
    """Return the kind that names the service that an error is about."""
    return Kind.LIVEKIT_UNREACHABLE if isinstance(error, LiveKitError) else Kind.CEKURA_UNREACHABLE
