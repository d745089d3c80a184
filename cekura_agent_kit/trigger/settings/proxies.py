"""Proxies that the environment names: which client uses which. An address is given without user and password."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from ...addresses import is_loopback, scheme_and_host, without_credentials

_USABLE: Final = ("http", "https")


@dataclass(frozen=True)
class Proxy:
    """A proxy and the variable that names it."""

    variable: str
    address: str

    def __str__(self) -> str:
        return f"the proxy {self.address} ({self.variable})"


def named_proxies(environment: Mapping[str, str] = os.environ) -> dict[str, Proxy]:
    """Return the proxies by the kind of address that they are for: ``http``, ``https``, ``all``."""
    found = {}
    for kind in ("http", "https", "all"):
        # As all clients here: the name in small letters wins.
        for variable in (f"{kind}_proxy", f"{kind}_proxy".upper()):
            if value := environment.get(variable, "").strip():
                found[kind] = Proxy(variable, _address(value))
                break
    return found


def is_exempt(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Return True if NO_PROXY exempts the address's host."""
    if not scheme_and_host(url)[1]:
        return False
    exempt = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return bool(proxy_bypass_environment(urlsplit(url).netloc.rpartition("@")[2], {"no": exempt}))


def cekura_proxy(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy between here and Cekura's API (httpx); None for none."""
    return _proxy_for(url, environment, ("https" if url.startswith("https") else "http", "all"))


def livekit_proxy(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy between here and LiveKit's API (aiohttp, which ignores ALL_PROXY); None for none."""
    return _proxy_for(url, environment, ("https" if url.startswith(("https", "wss")) else "http",))


def room_proxy(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy through which LiveKit's native client joins a room; None for none.

    It ignores NO_PROXY and ALL_PROXY (livekit 1.1.21). Only signals pass it: sound and data need UDP, or TURN.
    """
    if is_loopback(scheme_and_host(url)[1]):
        return None
    return named_proxies(environment).get("https" if url.startswith(("https", "wss")) else "http")


def worker_proxy(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy through which a worker reaches LiveKit; None for none.

    livekit-agents reads the names in capitals alone, HTTPS_PROXY before HTTP_PROXY, whatever the address, and ignores
    NO_PROXY.
    """
    if is_loopback(scheme_and_host(url)[1]):
        return None
    for variable in ("HTTPS_PROXY", "HTTP_PROXY"):
        if value := environment.get(variable):
            return Proxy(variable, _address(value))
    return None


@dataclass(frozen=True)
class Routes:
    """The way to each service, in words, and what of it is likely to be wrong.

    Attributes:
        described: one line.
        doubts: each with its hint.
    """

    described: str
    doubts: tuple[tuple[str, str], ...]


def routes(cekura_url: str, livekit_url: str, environment: Mapping[str, str] = os.environ) -> Routes | None:
    """Return the ways through and past the proxies that the environment names; None where it names none."""
    if not named_proxies(environment):
        return None
    ways = {
        "Cekura": cekura_proxy(cekura_url, environment),
        "LiveKit's API": livekit_proxy(livekit_url, environment),
        "LiveKit's rooms": room_proxy(livekit_url, environment),
        "the worker": worker_proxy(livekit_url, environment),
    }
    described = ", ".join(f"{service} {f'through {proxy}' if proxy else 'directly'}" for service, proxy in ways.items())
    return Routes(described, tuple(_doubts(ways, livekit_url, environment)))


def _doubts(
    ways: Mapping[str, Proxy | None], livekit_url: str, environment: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    api, room, worker = ways["LiveKit's API"], ways["LiveKit's rooms"], ways["the worker"]
    if (room or worker) and is_exempt(livekit_url, environment):
        yield (
            "NO_PROXY exempts LiveKit, and LiveKit's rooms and worker ignore NO_PROXY",
            "let the proxy connect to LiveKit, or unset the proxy and give it to what needs it alone",
        )
    elif not api and not is_loopback(scheme_and_host(livekit_url)[1]):
        yield (
            "no variable names a proxy for LiveKit, whose clients read HTTPS_PROXY for wss:// and ignore ALL_PROXY",
            "set HTTPS_PROXY, too, if this machine reaches the internet by the proxy alone",
        )
    elif api and not worker:
        yield f"the worker ignores {api.variable}", f"set {api.variable.upper()}: livekit-agents reads it in capitals"


def unusable_proxies(environment: Mapping[str, str] = os.environ) -> list[Proxy]:
    """Return the proxies that are neither http nor https: the client of Cekura's API cannot use them."""
    return [
        proxy
        for proxy in named_proxies(environment).values()
        if scheme_and_host(proxy.address)[0] not in _USABLE or not scheme_and_host(proxy.address)[1]
    ]


def _proxy_for(url: str, environment: Mapping[str, str], kinds: tuple[str, ...]) -> Proxy | None:
    if is_loopback(scheme_and_host(url)[1]) or is_exempt(url, environment):
        return None
    named = named_proxies(environment)
    return next((named[kind] for kind in kinds if kind in named), None)


def _address(value: str) -> str:
    """Return a proxy's address without user and password; ``proxy:3128`` is one of http."""
    return without_credentials(value if "://" in value else f"http://{value}")
