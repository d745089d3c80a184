"""What passes between the trigger and the agent, written once: both sides import it, and it imports neither.

The job's metadata is a JSON object. ``text_mode`` at the top level is documented by Cekura, as are ``scenario_id``,
``run_id`` and ``test_profile_data`` in the jobs that Cekura dispatches itself. ``cekura`` is ours::

    {"text_mode": true,
     "cekura": {"text_mode": true, "scenario": 30, "suite": "support", "case": "30#1", "witness": "<JWT>"}}
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from .errors import MetadataError

KIT_KEY: Final = "cekura"
TEXT_MODE_KEY: Final = "text_mode"
RESERVED_KEYS: Final = frozenset({KIT_KEY, TEXT_MODE_KEY})
"""Keys of the job's metadata that a suite may not set."""

KIT_ATTRIBUTE: Final = "cekura.kit"
"""The kit's version, on the agent, in a test."""
MODE_ATTRIBUTE: Final = "cekura.mode"
"""``text`` or ``voice``, on the agent, in a test."""
PROOF_ATTRIBUTE: Final = "cekura.proof"
"""``text-only`` once no speech model, no audio and no turn model was found at any level."""
TEXT_ONLY: Final = "text-only"
ERROR_ATTRIBUTE: Final = "cekura.error"
"""One line: why the wrapper refused, or what the entrypoint raised."""

EVENTS_TOPIC: Final = "cekura.events"
"""Text streams of JSON to the witness alone: tool calls, handoffs, session errors."""

_WITNESS_AUDIENCE: Final = EVENTS_TOPIC
_LEEWAY: Final = 10
"""Seconds by which the clocks of trigger and worker may differ; LiveKit's own leeway."""


class Mode(StrEnum):
    """How a test talks to the agent."""

    TEXT = "text"
    VOICE = "voice"


def parse_metadata(metadata: str | None) -> dict[str, Any] | None:
    """The job's metadata as an object; None where it is empty, no JSON, or no JSON object."""
    if not metadata:
        return None
    try:
        value = json.loads(metadata, parse_int=_integer)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def mode_from(metadata: str | None) -> Mode | None:
    """Which test the job is, by its metadata.

    Args:
        metadata: the job's metadata as it was dispatched.

    Returns:
        None for a job that is no test: empty metadata, no JSON, no object, or none of the keys of a test.
        ``Mode.TEXT`` where ``text_mode`` is true at the top level or in ``cekura``.
        ``Mode.VOICE`` for any other test: a ``cekura`` object, ``text_mode`` false, or ``scenario_id`` and ``run_id``
        together.

    Raises:
        MetadataError: ``text_mode`` is neither true nor false, two of them differ, or ``cekura`` is no object.
    """
    job = parse_metadata(metadata)
    if job is None:
        return None
    ours = job.get(KIT_KEY, {})
    if not isinstance(ours, dict):
        raise MetadataError(
            f"job metadata: {KIT_KEY!r} is {_quote(ours)}, not an object",
            hint=f"{KIT_KEY!r} is reserved for cekura-agent-kit; dispatch with an object, or rename your own key",
        )
    places = {"": job, f"{KIT_KEY}.": ours}
    said = {where: place[TEXT_MODE_KEY] for where, place in places.items() if TEXT_MODE_KEY in place}
    for where, value in said.items():
        if not isinstance(value, bool):
            raise MetadataError(
                f"job metadata: {where + TEXT_MODE_KEY!r} is {_quote(value)}, not true or false",
                hint="dispatch the agent with text_mode as a JSON boolean",
            )
    if len(set(said.values())) > 1:
        raise MetadataError(
            f"job metadata: {TEXT_MODE_KEY!r} is {_quote(job[TEXT_MODE_KEY])}, "
            f"but '{KIT_KEY}.{TEXT_MODE_KEY}' is {_quote(ours[TEXT_MODE_KEY])}",
            hint="dispatch the agent with one of them, or with both the same",
        )
    if True in said.values():
        return Mode.TEXT
    if said or KIT_KEY in job or ("scenario_id" in job and "run_id" in job):
        return Mode.VOICE
    return None


def job_metadata(
    mode: Mode, *, scenario: int, suite: str, case: str, witness: str = "", extra: Mapping[str, Any] | None = None
) -> str:
    """The metadata that the trigger dispatches: the caller's own keys and ours, as JSON.

    Args:
        mode: how the run talks to the agent.
        scenario: Cekura's scenario id.
        suite: the suite's name.
        case: ``SCENARIO#N``.
        witness: permit of `witness_permit`; empty for a run that nobody watches.
        extra: the suite's own metadata; it passes through untouched.

    Raises:
        MetadataError: ``extra`` sets a reserved key.
    """
    extra = dict(extra or {})
    if taken := sorted(RESERVED_KEYS & extra.keys()):
        raise MetadataError(
            f"metadata sets {', '.join(map(repr, taken))}, which the kit itself writes",
            hint="use `mode: text` or `mode: voice` in the suite, and other names for your own keys",
        )
    text = mode is Mode.TEXT
    ours = {TEXT_MODE_KEY: text, "scenario": scenario, "suite": suite, "case": case, "witness": witness}
    return json.dumps({**extra, TEXT_MODE_KEY: text, KIT_KEY: ours})


def witness_permit(*, api_key: str, api_secret: str, room: str, identity: str, ttl: float) -> str:
    """A JWT by which the agent knows whom it may tell its events.

    It grants nothing in LiveKit: it has no video grant. Signed with the LiveKit API secret, since metadata and
    attributes can be written by whoever mints a participant's token.

    Args:
        api_key: LiveKit API key.
        api_secret: LiveKit API secret, known to the trigger and to the worker.
        room: the one room for which it holds.
        identity: the witness's identity.
        ttl: seconds for which it holds.
    """
    import jwt

    now = int(time.time())
    claims: dict[str, str | int] = {"iss": api_key, "aud": _WITNESS_AUDIENCE, "sub": identity, "room": room}
    claims |= {"nbf": now - _LEEWAY, "exp": now + int(ttl)}
    return jwt.encode(claims, api_secret, algorithm="HS256")


def permitted_witness(permit: str, *, api_key: str, api_secret: str, room: str) -> str | None:
    """The identity that the permit names; None for one that is forged, expired, for another room or something else."""
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
