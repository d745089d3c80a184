"""Text of others, made fit for logs, reports and files: no tokens, no lone surrogates, a limited length. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

TEXT_LIMIT: Final = 20_000
"""Characters of one text in a report: no conversation needs more, and a report must open quickly."""
TOKEN: Final = re.compile(r"eyJ[\w-]{6,}\.[\w-]{8,}(?:\.[\w-]*)?")
"""A JWT, whole or cut. LiveKit's tokens are JWTs, and the text of its ConnectError contains the whole token."""
_SECRET_NAME: Final = re.compile(r"(KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIALS?)(_ID)?$", re.IGNORECASE)
_SECRET_LENGTH: Final = 8
"""Characters from which the value of such a variable counts as a secret: shorter ones occur in plain text."""


def secrets_of(environment: Mapping[str, str | None]) -> list[str]:
    """Return the values of variables whose names end like those of secrets: ``…_KEY``, ``…_TOKEN``, the longest first.

    Names of files are not among them.
    """
    found = {
        value
        for name, value in environment.items()
        if value and len(value) >= _SECRET_LENGTH and _SECRET_NAME.search(name) and not value.startswith(("/", "."))
    }
    return sorted(found, key=len, reverse=True)


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Replace each of the secrets in the text by ``…``."""
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


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
