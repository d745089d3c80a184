"""Addresses of services: who can reach them, and how they are printed."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

Resolve = Callable[[str], list[str]]
"""Returns a host name's addresses; an empty list if it has none."""


def scheme_and_host(url: str) -> tuple[str, str]:
    """Return both, in lower case; empty texts for what is not an address."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "", ""
    return parts.scheme.lower(), parts.hostname or ""


def without_credentials(url: str) -> str:
    """Return the address without user, password, path and query, any of which may contain a key."""
    scheme, host = scheme_and_host(url)
    if not scheme or not host:
        return repr(url.split("@")[-1][:60])
    port = urlsplit(url).port
    return f"{scheme}://{host}{f':{port}' if port else ''}"


def resolve_host(host: str) -> list[str]:
    """Return a host name's addresses by the system's resolver."""
    try:
        return [str(address[4][0]) for address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        # Behind a proxy that resolves names itself, this machine may know none: treated as public.
        return []


def is_loopback(host: str) -> bool:
    """Return True for this machine's own addresses and names."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_private(host: str, resolve: Resolve) -> bool:
    """Return True if nobody outside can reach the host: loopback, private or link-local, by all of its addresses."""
    if is_loopback(host) or host.endswith((".local", ".internal")):
        return True
    if _address(host) is not None:
        return not _is_global(host)
    addresses = resolve(host)
    return bool(addresses) and not any(map(_is_global, addresses))


def _is_global(text: str) -> bool:
    address = _address(text.split("%")[0])
    return address is not None and address.is_global


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
