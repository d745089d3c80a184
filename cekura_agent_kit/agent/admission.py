"""Decision on one job, before its entrypoint runs: a real call, a test, or a refusal."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .. import safe_text
from ..contract import JobMetadata
from ..errors import MetadataError
from ..job_keys import metadata_of
from ..permit import Key, NotSigned, Permit, asks_for_tools, keys_of, verify
from .options import TESTS, Tests

if TYPE_CHECKING:
    from livekit.agents import JobContext

logger = logging.getLogger("cekura_agent_kit")

VARIABLE: Final = "CEKURA_KIT_TESTS"
REHEARSAL_SECRET: Final = "_cekura_rehearsal_secret"
"""Attribute of the job context of a rehearsal: the secret that signs its test, made for it alone."""
REHEARSAL_FAKES: Final = "_cekura_rehearsal_fakes"
"""Attribute of the job context of a rehearsal: functions that stand for tools, by the names of the tools."""
REHEARSAL_FAIL: Final = "_cekura_rehearsal_fail"
"""Attribute of the job context of a rehearsal: called with the error of a check of the agent's own code that failed."""

_LINE: Final = 300
"""Characters of what is logged and published of a reason."""


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """A job that is a test.

    Attributes:
        metadata: of the job.
        tests: the tests that the agent accepts.
        permit: its permit, if it holds.
        unsigned: why the test counts as unsigned; empty for a signed one.
    """

    metadata: JobMetadata
    tests: Tests
    permit: Permit | None = None
    unsigned: str = ""


def admit(context: JobContext, option: Tests | None) -> Admitted | None:
    """Decide about the job of a context.

    Args:
        context: of the job, or what only looks like it.
        option: `tests` of `wrap_entrypoint`.

    Returns:
        The test; None for a real call.

    Raises:
        MetadataError: the metadata names a test that is refused.
    """
    metadata = metadata_of(context)
    if not metadata:
        return None
    room = getattr(getattr(context.job, "room", None), "name", "")
    if secret := getattr(context, REHEARSAL_SECRET, ""):
        # A rehearsal tests every agent, also one that accepts no tests where it is deployed.
        return decide(metadata, room=room, tests="signed", keys=(Key("rehearsal", secret),))
    return decide(metadata, room=room, tests=option or _tests_of_environment(), keys=keys_of(os.environ))


def decide(metadata: str, *, room: str, tests: Tests, keys: tuple[Key, ...]) -> Admitted | None:
    """Decide about metadata; see `admit`. A claim that is treated as a real call is logged in one line."""
    if tests == "none":
        return None
    try:
        read = JobMetadata.read(metadata)
        if read is None:
            return None
        try:
            return Admitted(metadata=read, tests=tests, permit=verify(read, room=room, keys=keys))
        except NotSigned as reason:
            if tests == "any":
                _refuse_tools(read, reason)
                return Admitted(metadata=read, tests=tests, unsigned=_line(str(reason)))
            logger.warning("the job claims to be a test, and is treated as a real call: %s", _line(str(reason)))
    except MetadataError as error:
        if tests == "any":
            raise
        logger.warning("the job claims to be a test, and is treated as a real call: %s", _line(str(error)))
    return None


def _refuse_tools(metadata: JobMetadata, reason: NotSigned) -> None:
    """Refuse an unsigned test that asks for doubles of tools. Raises MetadataError."""
    if asks_for_tools(metadata):
        raise MetadataError(
            f"the test replaces tools of the agent, and it is not signed: {reason}",
            hint="run it with `cekura-kit run`, and give both sides the same CEKURA_KIT_SECRET",
        )


def _tests_of_environment() -> Tests:
    value = os.environ.get(VARIABLE, "").strip() or "any"
    if value in TESTS:
        return value  # type: ignore[return-value]
    logger.error("%s is %r, not any, signed or none: only signed tests are accepted", VARIABLE, value[:40])
    return "signed"


def _line(text: str) -> str:
    return safe_text.one_line(safe_text.without_surrogates(safe_text.without_tokens(text)), _LINE)
