"""Clauses about jobs that claim to be a test, or do not."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from typing import Final

from ..contract import ERROR_ATTRIBUTE, KIT_ATTRIBUTE, Mode
from ..errors import LiveKitError
from ..job_keys import TEXT_MODE_KEY
from ..permit import LIVEKIT_SECRET, Key
from ..trigger.rooms.service import LiveKit
from .checked_room import CheckedRoom, Subject
from .clauses import Finding, Record

_PREFIX: Final = "cekura."
_SETTLES: Final = 1.5
"""Seconds after which an agent that is active would have set an attribute; the wrapper's are listed within 50 ms."""


async def check_claims(livekit: LiveKit, subject: Subject, *, accepts_tests: bool) -> list[Finding]:
    """Check a real call, metadata that cannot be understood, and a forged permit, each in a room of its own.

    Args:
        livekit: the client.
        subject: the agent.
        accepts_tests: the agent was seen to verify a signature: what it treats as a real call, it does so on purpose.

    Raises:
        LiveKitError: LiveKit cannot be reached, or a room could not be deleted.
    """
    record = Record("claims")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_real_call(record, livekit, subject))
            for name in ("odd metadata", "forged tools"):
                group.create_task(_refusal(record, name, livekit, subject, accepts_tests=accepts_tests))
    except* LiveKitError as errors:
        raise errors.exceptions[0] from None
    return record.findings(otherwise="not checked")


async def _real_call(record: Record, livekit: LiveKit, subject: Subject) -> None:
    shown = await _shown(livekit, subject, metadata=json.dumps(dict(subject.metadata)))
    if shown is None:
        record.skipped("real call", _absent(subject))
        return
    ours = sorted(name for name in shown if name.startswith(_PREFIX))
    record.note("real call", not ours, ok="no attribute of a test", missing=f"it sets {', '.join(ours)}")


async def _refusal(record: Record, name: str, livekit: LiveKit, subject: Subject, *, accepts_tests: bool) -> None:
    odd = json.dumps({**subject.metadata, TEXT_MODE_KEY: "yes"}) if name == "odd metadata" else None
    shown = await _shown(livekit, subject, metadata=odd, refusal=True)
    if shown is None:
        record.skipped(name, _absent(subject))
    elif error := shown.get(ERROR_ATTRIBUTE):
        record.ok(name, f"refused: {error}")
    elif KIT_ATTRIBUTE in shown:
        record.missing(name, "the agent goes on, and shows no cekura.error")
    elif accepts_tests:
        record.ok(name, "treated as a real call: it shows nothing of a test")
    else:
        record.skipped(name, "the agent shows nothing of a test in any room")


async def _shown(
    livekit: LiveKit, subject: Subject, *, metadata: str | None, refusal: bool = False
) -> Mapping[str, str] | None:
    """Return the attributes of an agent with this metadata, or with a forged permit; None if none joined."""
    async with CheckedRoom(livekit, subject) as room:
        forged = Key(LIVEKIT_SECRET, secrets.token_hex(32))
        given = metadata or subject.signed_metadata(room.name, Mode.TEXT, key=forged, tools={"*": "refuse"})
        if not await room.dispatch(given):
            return None
        if refusal:
            return await room.attributes(ERROR_ATTRIBUTE)
        await asyncio.sleep(_SETTLES)
        return await room.attributes(within=0)


def _absent(subject: Subject) -> str:
    return f"no agent was active within {subject.patience:g} s"
