"""Text streams as the witness reads them: one that breaks off just ends."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Final

from livekit import rtc

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


async def chunks(reader: rtc.TextStreamReader) -> AsyncIterator[str]:
    """Yield a stream's chunks; a stream that breaks off just ends."""
    try:
        async for chunk in reader:
            yield chunk
    except Exception as error:  # noqa: BLE001 - the kinds differ by version; what was received so far was said
        _log.debug("a stream broke off: %s", type(error).__name__)


async def all_of(reader: rtc.TextStreamReader) -> str:
    """Return the whole of a stream, or what came of it."""
    return "".join([chunk async for chunk in chunks(reader)])


async def drain(reader: rtc.TextStreamReader) -> None:
    """Read a stream that is of no use: unread, it stays subscribed to the SDK's queue while the process lives."""
    await all_of(reader)
