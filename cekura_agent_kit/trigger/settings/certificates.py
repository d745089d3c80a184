"""Certificates that are not trusted: the reason, and how to trust one. The same for httpx, aiohttp and LiveKit."""

from __future__ import annotations

import ssl
from typing import Final

TRUST_HINT: Final = (
    "set SSL_CERT_FILE to a PEM file with the certificate of its issuer, beside the public ones that are needed, here "
    "and where the worker runs; a proxy or firewall that reads TLS has an issuer of its own"
)


def not_trusted(error: BaseException) -> str:
    """Return why a server's certificate was not trusted; empty for an error of another kind.

    Args:
        error: of a client; what was wrong with the certificate stands in one of its causes.
    """
    at: BaseException | None = error
    seen: set[int] = set()
    while at is not None and id(at) not in seen:
        # aiohttp's error is of this class, too, and has the one with the reason in an attribute.
        inner = getattr(at, "certificate_error", None)
        if inner is None and isinstance(at, ssl.SSLCertVerificationError):
            return at.verify_message or "it could not be verified"
        seen.add(id(at))
        at = inner or at.__cause__ or at.__context__
    return ""
