"""Clauses of the contract that can be seen from outside of an agent, and what was found of each. Pure.

docs/contract.md explains them; a test ties the page to this list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Place = Literal["text", "voice", "claims"]
"""Kind of room in which a clause is checked."""
Outcome = Literal["ok", "missing", "skipped"]


@dataclass(frozen=True)
class Clause:
    """A clause of the contract.

    Attributes:
        place: the kind of room in which it is checked.
        name: short and unique within its place.
        requires: what the agent must do, in one sentence.
        hint: what to do if it does not.
    """

    place: Place
    name: str
    requires: str
    hint: str


@dataclass(frozen=True)
class Finding:
    """Result of one clause.

    Attributes:
        outcome: ``missing`` if the agent does not do it, ``skipped`` if that could not be seen.
        detail: what was seen.
    """

    clause: Clause
    outcome: Outcome
    detail: str


_WRAP: Final = "in Python, wrap the entrypoint with wrap_entrypoint of this version"
_SECRET: Final = "verify the permit; give both sides the same secret, LIVEKIT_API_SECRET or CEKURA_KIT_SECRET"
_SHOWN: Final = (
    ("joins", "One agent joins the room and becomes active.", "read the worker's log: its name, or its entrypoint"),
    ("accepts", "A signed test is not refused: there is no `cekura.error`.", "read the reason that the agent gives"),
    ("cekura.kit", "The attribute has the name or the version of the implementation.", _WRAP),
    ("cekura.mode", "The attribute has the mode of the job's metadata: `text` or `voice`.", _WRAP),
    ("cekura.signed", "The attribute is `true` if the permit of the test holds.", _SECRET),
    ("cekura.tests", "The attribute has the tests that the agent accepts: `any` or `signed`.", _WRAP),
)
_ENDS: Final = (
    "ends",
    "The agent leaves when the evaluator has left, or when its room is deleted, and does not come back.",
    "end the job when its room is gone, and do not reconnect",
)
_TEXT: Final = (
    *_SHOWN,
    (
        "cekura.proof",
        "The attribute is `text-only`, at the latest with the first answer.",
        "check that no speech model, no turn model and no audio is used, then set it",
    ),
    ("no audio", "The agent publishes no audio track.", "turn audio output off in a test in text"),
    (
        "early words",
        "Words that are sent before the evaluator is announced are kept and answered.",
        "keep messages until their sender is known: LiveKit announces a participant without a track late",
    ),
    (
        "streams",
        "A text stream on `lk.chat` is answered by a text stream on `lk.transcription`.",
        "register a handler for text streams on `lk.chat`",
    ),
    (
        "packets",
        "A data packet with plain text on `lk.chat` is answered by a packet on the same topic.",
        "read data packets on `lk.chat`, and answer in their form",
    ),
    (
        "JSON packets",
        "A data packet of LiveKit's older chat is answered by one: an object with `id`, `timestamp` and `message`.",
        "read JSON objects with string `id` and `message` and a `timestamp`, and answer in that form",
    ),
    (
        "payloads",
        "Other JSON in a packet, and a packet with `ignoreLegacy`, is not a message, and is not answered.",
        "answer only what is chat",
    ),
    (
        "events",
        "Tool calls are sent to the witness that the permit names, on `cekura.events`.",
        "send a JSON object per tool call; choose words that make the agent call a tool: `--say`",
    ),
    _ENDS,
)
_VOICE: Final = (
    *_SHOWN,
    ("no text proof", "`cekura.proof` is not set in voice.", "set it in a test in text alone"),
    ("audio track", "The agent publishes an audio track.", "start the speech pipeline in a test in voice"),
    ("answers speech", "Speech is answered by speech.", "read the agent's log: did it transcribe anything?"),
    _ENDS,
)
_CLAIMS: Final = (
    (
        "real call",
        "A job whose metadata names no test has no attribute `cekura.…`.",
        "do nothing at all in a real call",
    ),
    (
        "odd metadata",
        'Metadata that cannot be understood (`"text_mode": "yes"`) is refused with `cekura.error`.',
        "set `cekura.error` and end the job; never go on in voice",
    ),
    (
        "forged tools",
        "A test that replaces tools, with a permit of another secret, is refused, or treated as a real call.",
        _SECRET,
    ),
)

_ROWS: Final[Mapping[Place, tuple[tuple[str, str, str], ...]]] = {"text": _TEXT, "voice": _VOICE, "claims": _CLAIMS}
CLAUSES: Final = tuple(Clause(place, *texts) for place, rows in _ROWS.items() for texts in rows)
"""All clauses, in the order in which they are checked."""


class Record:
    """Findings of one kind of room, by the names of its clauses."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._found: dict[str, tuple[Outcome, str]] = {}

    def ok(self, name: str, detail: str) -> None:
        """Note that the agent does it."""
        self._note(name, "ok", detail)

    def missing(self, name: str, detail: str) -> None:
        """Note that the agent does not do it."""
        self._note(name, "missing", detail)

    def skipped(self, name: str, detail: str) -> None:
        """Note that it could not be seen."""
        self._note(name, "skipped", detail)

    def note(self, name: str, holds: bool, *, ok: str, missing: str) -> None:
        """Note one of the two."""
        self._note(name, "ok" if holds else "missing", ok if holds else missing)

    def outcome(self, name: str) -> Outcome | None:
        """Return what was noted of a clause so far."""
        return self._found[name][0] if name in self._found else None

    def findings(self, *, otherwise: str) -> list[Finding]:
        """Return a finding of every clause of the place; of the others it is said why they were skipped."""
        return [
            Finding(clause, *self._found.get(clause.name, ("skipped", otherwise)))
            for clause in CLAUSES
            if clause.place == self.place
        ]

    def _note(self, name: str, outcome: Outcome, detail: str) -> None:
        if name not in {clause.name for clause in CLAUSES if clause.place == self.place}:
            raise ValueError(f"no clause {name!r} in {self.place}")
        self._found[name] = (outcome, detail)


def as_json(agent: str, findings: Iterable[Finding]) -> Mapping[str, object]:
    """Return the JSON of a conformance check."""
    listed = list(findings)
    return {
        "version": 1,
        "agent": agent,
        "ok": all(each.outcome != "missing" for each in listed),
        "clauses": [
            {
                "room": each.clause.place,
                "name": each.clause.name,
                "outcome": each.outcome,
                "requires": each.clause.requires,
                "detail": each.detail,
                "hint": each.clause.hint if each.outcome == "missing" else "",
            }
            for each in listed
        ],
    }
