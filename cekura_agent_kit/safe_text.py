"""Text of others, made fit for logs, reports and files: no tokens, no lone surrogates, a limited length. Pure."""

from __future__ import annotations

import re
from typing import Final

TEXT_LIMIT: Final = 20_000
"""Characters of one text in a report: no conversation needs more, and a report must open quickly."""
TOKEN: Final = re.compile(r"eyJ[\w-]{6,}\.[\w-]{8,}(?:\.[\w-]*)?")
"""A JWT, whole or cut. LiveKit's tokens are JWTs, and the text of its ConnectError contains the whole token."""


def without_tokens(text: str) -> str:
    """Replace each JWT in the text by ``…``."""
    return TOKEN.sub("…", text)


def without_surrogates(text: str) -> str:
    """Replace lone surrogates by ``?``: JSON can carry them, and no file in UTF-8 can."""
    return text.encode("utf-8", "replace").decode()


def shortened(text: str, limit: int = TEXT_LIMIT) -> str:
    """Cut the text to ``limit`` characters, the last three of which are then ``...``."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def one_line(text: str, limit: int = TEXT_LIMIT) -> str:
    """Join the text's words with single spaces, and cut it to ``limit`` characters."""
    return shortened(" ".join(text.split()), limit)
