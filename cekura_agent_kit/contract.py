"""Contract between the trigger and the agent: both sides import it, and it imports neither.

The job's metadata is a JSON object. ``text_mode`` at the top level is documented by Cekura, as are ``scenario_id``,
``run_id`` and ``test_profile_data`` in jobs that Cekura dispatches itself. ``cekura`` is ours::

    {"text_mode": true,
     "cekura": {"text_mode": true, "scenario": 30, "suite": "support", "case": "30#1", "witness": "<JWT>"}}
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from .errors import MetadataError

KIT_KEY: Final = "cekura"
TEXT_MODE_KEY: Final = "text_mode"
RESERVED_KEYS: Final = frozenset({KIT_KEY, TEXT_MODE_KEY})
"""Keys of the job's metadata that a suite may not set."""
_TEST_KEYS: Final = RESERVED_KEYS | {"scenario_id"}
"""Metadata with none of them is never a test."""

KIT_ATTRIBUTE: Final = "cekura.kit"
"""The kit's version, on the agent, in a test."""
MODE_ATTRIBUTE: Final = "cekura.mode"
"""``text`` or ``voice``, on the agent, in a test."""
PROOF_ATTRIBUTE: Final = "cekura.proof"
"""``text-only`` once it was checked that no level has a speech model, audio or a turn model."""
TEXT_ONLY: Final = "text-only"
ERROR_ATTRIBUTE: Final = "cekura.error"
"""One line: why the wrapper refused, or what the entrypoint raised."""

EVENTS_TOPIC: Final = "cekura.events"
"""Text streams of JSON to the witness alone: tool calls, handoffs, session errors."""

_WITNESS_AUDIENCE: Final = EVENTS_TOPIC
_LEEWAY: Final = 10
"""Seconds by which the clocks of trigger and worker may differ; LiveKit's own leeway."""


class Mode(StrEnum):
    """Mode of a test: the evaluator writes, or it speaks."""

    TEXT = "text"
    VOICE = "voice"


@dataclass(frozen=True, kw_only=True)
class JobMetadata:
    """Metadata of a job that is a test.

    The trigger writes it (`to_json`), the wrapper reads it (`read`); nothing else parses it.

    Attributes:
        mode: how the evaluator talks to the agent.
        scenario: Cekura's scenario id; None where the metadata names none.
        suite: name of the suite; empty in jobs that the kit did not dispatch.
        case: ``SCENARIO#N``; empty in jobs that the kit did not dispatch.
        witness: permit of `witness_permit`; empty for a run without a witness.
        own: the caller's own keys, and those that Cekura writes in jobs that it dispatches itself.
        whole: the whole object as it was dispatched; empty where it was not read from a job.
    """

    mode: Mode
    scenario: int | None = None
    suite: str = ""
    case: str = ""
    witness: str = ""
    own: Mapping[str, Any] = field(default_factory=dict)
    whole: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, metadata: str | None) -> JobMetadata | None:
        """Read a job's metadata as it was dispatched.

        Returns:
            None for a job that is not a test: empty metadata, not JSON, not an object, or none of the keys of a test.
            Text where ``text_mode`` is true at the top level or in ``cekura``. Voice for any other test: a ``cekura``
            object, ``text_mode`` false, or ``scenario_id`` and ``run_id`` together.

        Raises:
            MetadataError: ``text_mode`` is neither true nor false, two of them differ, or ``cekura`` is not an object.
        """
        job = parse_object(metadata)
        if job is None or not job.keys() & _TEST_KEYS:
            return None
        ours = job.get(KIT_KEY, {})
        if not isinstance(ours, dict):
            raise MetadataError(
                f"job metadata: {KIT_KEY!r} is {_quote(ours)}, not an object",
                hint=f"{KIT_KEY!r} is reserved for cekura-agent-kit: dispatch with an object, or rename your own key",
            )
        mode = _mode(job, ours)
        if mode is None:
            return None
        scenario = ours.get("scenario", job.get("scenario_id"))
        return cls(
            mode=mode,
            scenario=scenario,
            suite=str(ours.get("suite", "")),
            case=str(ours.get("case", "")),
            witness=ours["witness"] if isinstance(ours.get("witness"), str) else "",
            own={key: value for key, value in job.items() if key not in RESERVED_KEYS},
            whole=job,
        )

    def to_json(self) -> str:
        """Write the metadata that the trigger dispatches.

        Raises:
            MetadataError: ``own`` sets a reserved key.
        """
        if reserved := sorted(RESERVED_KEYS & self.own.keys()):
            raise MetadataError(
                f"metadata sets {', '.join(map(repr, reserved))}, which the kit itself writes",
                hint="use `mode: text` or `mode: voice` in the suite, and other names for your own keys",
            )
        text = self.mode is Mode.TEXT
        ours = {
            TEXT_MODE_KEY: text,
            "scenario": self.scenario,
            "suite": self.suite,
            "case": self.case,
            "witness": self.witness,
        }
        return json.dumps({**self.own, TEXT_MODE_KEY: text, KIT_KEY: ours})


def parse_object(metadata: str | None) -> dict[str, Any] | None:
    """Parse a JSON object. None for text that is empty, not JSON, or not an object."""
    if not metadata:
        return None
    try:
        value = json.loads(metadata, parse_int=_integer)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _mode(job: Mapping[str, Any], ours: Mapping[str, Any]) -> Mode | None:
    places = {"": job, f"{KIT_KEY}.": ours}
    given = {where: place[TEXT_MODE_KEY] for where, place in places.items() if TEXT_MODE_KEY in place}
    for where, value in given.items():
        if not isinstance(value, bool):
            raise MetadataError(
                f"job metadata: {where + TEXT_MODE_KEY!r} is {_quote(value)}, not true or false",
                hint="dispatch the agent with text_mode as a JSON boolean",
            )
    if len(set(given.values())) > 1:
        raise MetadataError(
            f"job metadata: {TEXT_MODE_KEY!r} is {_quote(job[TEXT_MODE_KEY])}, "
            f"but '{KIT_KEY}.{TEXT_MODE_KEY}' is {_quote(ours[TEXT_MODE_KEY])}",
            hint="dispatch the agent with one of them, or with the same value in both",
        )
    if True in given.values():
        return Mode.TEXT
    if given or KIT_KEY in job or ("scenario_id" in job and "run_id" in job):
        return Mode.VOICE
    return None


def witness_permit(*, api_key: str, api_secret: str, room: str, identity: str, ttl: float) -> str:
    """Make the JWT that names the one participant to which the agent may send its events.

    It grants nothing in LiveKit: it has no video grant. It is signed with the LiveKit API secret, since whoever mints a
    participant's token can write metadata and attributes.

    Args:
        api_key: LiveKit API key.
        api_secret: LiveKit API secret, known to the trigger and to the worker.
        room: the one room in which it is valid.
        identity: the witness's identity.
        ttl: seconds for which it is valid.
    """
    import jwt

    now = int(time.time())
    claims: dict[str, str | int] = {"iss": api_key, "aud": _WITNESS_AUDIENCE, "sub": identity, "room": room}
    claims |= {"nbf": now - _LEEWAY, "exp": now + int(ttl)}
    return jwt.encode(claims, api_secret, algorithm="HS256")


def permitted_witness(permit: str, *, api_key: str, api_secret: str, room: str) -> str | None:
    """Return the identity that the permit names. None if it is forged, expired, for another room or something else."""
    import jwt

    try:
        claims = jwt.decode(
            permit,
            api_secret,
            algorithms=["HS256"],
            audience=_WITNESS_AUDIENCE,
            issuer=api_key,
            leeway=_LEEWAY,
            options={"require": ["exp", "aud", "iss", "sub"]},
        )
    except jwt.InvalidTokenError:
        return None
    return claims["sub"] if claims.get("room") == room and claims["sub"] else None


def _integer(digits: str) -> int | float:
    # Python refuses integers of more than 4,300 digits; such a number somewhere in it must not hide a `text_mode`.
    return int(digits) if len(digits) < 4000 else float(digits)


def _quote(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
