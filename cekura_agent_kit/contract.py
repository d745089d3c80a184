"""Contract between the trigger and the agent: both sides import it, and it imports neither.

The job's metadata is a JSON object. ``text_mode`` at the top level is documented by Cekura, as are ``scenario_id``,
``run_id`` and ``test_profile_data`` in jobs that Cekura dispatches itself. ``cekura`` is ours::

    {"text_mode": true,
     "cekura": {"text_mode": true, "scenario": 30, "suite": "support", "case": "30#1", "permit": "<JWT>"}}

The permit (`permit.Permit`) proves that the trigger wrote it. The keys beside it are for an agent with a kit of 0.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from .errors import MetadataError
from .job_keys import KIT_KEY, SCENARIO_ID_KEY, TEST_KEYS, TEXT_MODE_KEY

TEST_PROFILE_KEY: Final = "test_profile_data"
RESERVED_KEYS: Final = frozenset({KIT_KEY, TEXT_MODE_KEY})
"""Keys of the job's metadata that a suite may not set."""
MAX_METADATA_BYTES: Final = 64_000
"""Size of a test's whole metadata; LiveKit's own default limit of metadata."""

ROOM_KEY: Final = "cekura_kit"
"""The kit's key in a room's metadata."""

ATTRIBUTES_PREFIX: Final = "cekura."
"""Begin of the names of the kit's attributes, below."""
KIT_ATTRIBUTE: Final = "cekura.kit"
"""The kit's version, on the agent, in a test."""
MODE_ATTRIBUTE: Final = "cekura.mode"
"""``text`` or ``voice``, on the agent, in a test."""
PROOF_ATTRIBUTE: Final = "cekura.proof"
"""``text-only`` once it was checked that no level has a speech model, audio or a turn model."""
TEXT_ONLY: Final = "text-only"
ERROR_ATTRIBUTE: Final = "cekura.error"
"""One line: why the wrapper refused, or what the entrypoint raised."""
SIGNED_ATTRIBUTE: Final = "cekura.signed"
"""``true``, or one line: why the test counts as unsigned. An agent with a kit of 0.1 has none."""
SIGNED: Final = "true"
TESTS_ATTRIBUTE: Final = "cekura.tests"
"""The tests that the agent accepts: ``any`` or ``signed``."""
FAILED_ATTRIBUTE: Final = "cekura.failed"
"""One line: the first of the agent's own checks that failed, in a signed test."""
ENDED_ATTRIBUTE: Final = "cekura.ended"
"""``true``, set by the trigger on the agent: the evaluator has left. The server itself tells the agent 2 s later."""

EVENTS_TOPIC: Final = "cekura.events"
"""Text streams of JSON to the witness, and to whoever asks for them in a signed test: tool calls, handoffs, session
errors, the agent's own checks."""
EVENTS_REQUEST: Final = "send"
"""Text of a stream to the agent on the same topic, by which the sandbox's evaluator asks for them."""


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
        permit: the signed permit; empty in jobs that the kit did not dispatch.
        own: the caller's own keys, and those that Cekura writes in jobs that it dispatches itself.
        claimed: the ``cekura`` object as it was dispatched; empty where it was not read from a job.
        whole: the whole object as it was dispatched; empty where it was not read from a job.
    """

    mode: Mode
    scenario: int | None = None
    suite: str = ""
    case: str = ""
    permit: str = field(default="", repr=False)
    own: Mapping[str, Any] = field(default_factory=dict)
    claimed: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    whole: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, metadata: str | None) -> JobMetadata | None:
        """Read a job's metadata as it was dispatched.

        Returns:
            None for a job that is not a test: empty metadata, not JSON, not an object, or none of the keys of a test.
            Text where ``text_mode`` is true at the top level or in ``cekura``. Voice for any other test: a ``cekura``
            object, ``text_mode`` false, or ``scenario_id`` and ``run_id`` together.

        Raises:
            MetadataError: ``text_mode`` is neither true nor false, two of them differ, ``cekura`` is not an object, or
                the metadata of a test is too large.
        """
        job = parse_object(metadata)
        if job is None or metadata is None or not job.keys() & TEST_KEYS:
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
        _check_size(metadata)
        scenario = ours.get("scenario", job.get(SCENARIO_ID_KEY))
        return cls(
            mode=mode,
            scenario=scenario,
            suite=str(ours.get("suite", "")),
            case=str(ours.get("case", "")),
            permit=ours["permit"] if isinstance(ours.get("permit"), str) else "",
            own={key: value for key, value in job.items() if key not in RESERVED_KEYS},
            claimed=ours,
            whole=job,
        )

    @property
    def is_from_0_1(self) -> bool:
        """True if the trigger of a kit of 0.1 wrote it, which signs no test."""
        return "witness" in self.claimed and "permit" not in self.claimed

    def to_json(self) -> str:
        """Write the metadata that the trigger dispatches.

        Raises:
            MetadataError: ``own`` sets a reserved key, or the whole is too large.
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
            "permit": self.permit,
        }
        written = json.dumps({**self.own, TEXT_MODE_KEY: text, KIT_KEY: ours})
        _check_size(written)
        return written


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
    if given or KIT_KEY in job or (SCENARIO_ID_KEY in job and "run_id" in job):
        return Mode.VOICE
    return None


def _check_size(metadata: str) -> None:
    size = len(metadata.encode(errors="surrogatepass"))
    if size > MAX_METADATA_BYTES:
        raise MetadataError(
            f"job metadata: {size} bytes, and that of a test has {MAX_METADATA_BYTES} at most",
            hint="dispatch the agent with less: pass an address or an id, and let the agent read the rest",
        )


def _integer(digits: str) -> int | float:
    # Python refuses integers of more than 4,300 digits; such a number somewhere in it must not hide a `text_mode`.
    return int(digits) if len(digits) < 4000 else float(digits)


def _quote(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
