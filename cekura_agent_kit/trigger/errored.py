"""`Errored`: a run, or a suite, that could not be judged, with its kind and what to do."""

from __future__ import annotations

from typing import Final

from ..errors import KitError, LiveKitError
from ..verdict import ADVICE, Kind

_ADVISED: Final = frozenset(
    {
        Kind.AGENT_LEFT,
        Kind.EVALUATOR_MISSING,
        Kind.RUN_FAILED,
        Kind.CEKURA_UNREACHABLE,
        Kind.LIVEKIT_UNREACHABLE,
        Kind.SANDBOX_FAILED,
        Kind.UNSCORED,
        Kind.TIMEOUT,
    }
)
"""Kinds whose errors have the kind's own advice as their hint, unless they are given another."""


class Errored(KitError):
    """Error of a run that could not be judged: ``kind`` in a word, the text in a sentence, ``hint`` what to do."""

    def __init__(self, kind: Kind, message: str, *, hint: str = "", is_final: bool = False) -> None:
        super().__init__(message, hint=hint or (ADVICE[kind] if kind in _ADVISED else ""))
        self.kind = kind
        self.is_final = is_final
        """Another start would be refused for the same reason: the account, the key or the balance."""


def unreachable(error: KitError) -> Kind:
    """Return the kind that names the service that an error is about."""
    return Kind.LIVEKIT_UNREACHABLE if isinstance(error, LiveKitError) else Kind.CEKURA_UNREACHABLE
