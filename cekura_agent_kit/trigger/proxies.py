"""Proxies that the environment names: which client uses which. An address is given without user and password."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from ..addresses import is_loopback, scheme_and_host, without_credentials

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
                # "proxy:3128" is meant as an address of http.
                found[kind] = Proxy(variable, without_credentials(value if "://" in value else f"http://{value}"))
                break
    return found


def is_exempt(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Return True if NO_PROXY exempts the address's host."""
    exempt = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return bool(proxy_bypass_environment(urlsplit(url).netloc.rpartition("@")[2], {"no": exempt}))


def cekura_proxy(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy between here and Cekura's API (httpx); None for none."""
    return _proxy_for(url, environment, ("https" if url.startswith("https") else "http", "all"))


def livekit_proxy(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy between here and LiveKit's API (aiohttp, which ignores ALL_PROXY); None for none."""
    return _proxy_for(url, environment, ("https" if url.startswith(("https", "wss")) else "http",))


def room_proxy(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy that LiveKit's native client uses to join a room; None for none. It ignores NO_PROXY."""
    named = named_proxies(environment)
    return named.get("https" if url.startswith(("https", "wss")) else "http")


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
