"""Keys and addresses: from the environment, a ``.env`` file, or given. Keys never stand in the suite."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..errors import SettingsError

_KEYS: Final = ("cekura_api_key", "livekit_url", "livekit_api_key", "livekit_api_secret")
_WHERE: Final = {
    "cekura_api_key": "Cekura's dashboard, Settings, API Keys",
    "livekit_url": "LiveKit Cloud's project settings, or your server's address",
    "livekit_api_key": "LiveKit Cloud's project settings, or your server's configuration",
    "livekit_api_secret": "LiveKit Cloud's project settings, or your server's configuration",
}

Resolve = Callable[[str], list[str]]
"""A host name's addresses; an empty list where it has none."""


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    cekura_api_key: SecretStr | None = None
    cekura_api_url: str | None = None
    cekura_dashboard_url: str | None = None
    cekura_project_id: str | None = None
    livekit_url: str | None = None
    livekit_api_key: SecretStr | None = None
    livekit_api_secret: SecretStr | None = None


class Settings(BaseModel):
    """What the trigger needs to reach Cekura and LiveKit. Its fields are the environment variables' names."""

    # A key of a wrong type must not be quoted in the error.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    cekura_api_key: SecretStr
    cekura_api_url: str = "https://api.cekura.ai"
    cekura_dashboard_url: str = "https://dashboard.cekura.ai"
    cekura_project_id: str = ""
    """Where it is set, reports link to the result's page."""
    livekit_url: str
    """``wss://…`` or ``https://…``; ``ws://`` on this machine or a private network only."""
    livekit_api_key: SecretStr
    livekit_api_secret: SecretStr

    @classmethod
    def from_environment(cls, *folders: Path, cekura: bool = True) -> Self:
        """From environment variables; a ``.env`` in the current folder or in ``folders`` fills what they lack.

        Args:
            folders: where a ``.env`` may stand.
            cekura: False for what needs LiveKit alone.

        Raises:
            SettingsError: variables are missing; names all of them.
        """
        files = [folder / ".env" for folder in (*folders, Path())]
        try:
            found = _Environment(_env_file=files).model_dump(exclude_none=True)  # type: ignore[call-arg]
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f".env cannot be read ({error})", hint="give a text file in UTF-8") from None
        if not cekura:
            found.setdefault("cekura_api_key", SecretStr(""))
        if missing := [key for key in _KEYS if key not in found]:
            raise SettingsError(
                f"not set: {', '.join(key.upper() for key in missing)}",
                hint="set them in the environment or in a .env file; "
                + "; ".join(f"{key.upper()}: {_WHERE[key]}" for key in missing)
                + "; or try without any key: cekura-kit run --sandbox",
            )
        return cls(**found)

    @property
    def environment(self) -> dict[str, str]:
        """The variables for the suite's worker."""
        return {
            "CEKURA_API_URL": self.cekura_api_url,
            "CEKURA_API_KEY": self.cekura_api_key.get_secret_value(),
            "LIVEKIT_URL": self.livekit_url,
            "LIVEKIT_API_KEY": self.livekit_api_key.get_secret_value(),
            "LIVEKIT_API_SECRET": self.livekit_api_secret.get_secret_value(),
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may never be printed."""
        return tuple(
            secret.get_secret_value() for secret in (self.cekura_api_key, self.livekit_api_key, self.livekit_api_secret)
        )

    @property
    def room_url(self) -> str:
        """LiveKit's address as a participant dials it: ``wss://…`` or ``ws://…``."""
        return "ws" + self.livekit_url[4:] if self.livekit_url.startswith("http") else self.livekit_url

    @property
    def local_livekit(self) -> bool:
        """The LiveKit server runs on this machine."""
        return _is_loopback(urlsplit(self.livekit_url).hostname or "")

    @property
    def local_cekura(self) -> bool:
        """What stands for Cekura runs on this machine."""
        return _is_loopback(urlsplit(self.cekura_api_url).hostname or "")

    def result_url(self, result_id: int | None) -> str:
        """The page of a result; empty where the project is not known."""
        if result_id is None or not self.cekura_project_id:
            return ""
        return f"{self.cekura_dashboard_url.rstrip('/')}/{self.cekura_project_id}/results/{result_id}"

    def check(self, resolve: Resolve | None = None) -> None:
        """Refuse addresses over which a key would travel in clear, or that Cekura's evaluator could not reach.

        Args:
            resolve: a host name's addresses; by the system's resolver where it is not given.

        Raises:
            SettingsError: with all that is wrong.
        """
        wrong = list(self._faults(resolve or _resolve))
        if wrong:
            raise SettingsError("\n".join(fault for fault, _ in wrong), hint="; ".join(hint for _, hint in wrong))

    def _faults(self, resolve: Resolve) -> Iterable[tuple[str, str]]:
        cekura, cekura_host = _scheme_and_host(self.cekura_api_url)
        if cekura not in ("http", "https") or not cekura_host:
            yield (
                f"CEKURA_API_URL is {_shown(self.cekura_api_url)}, which is no http(s):// address",
                "leave it unset for https://api.cekura.ai",
            )
        elif cekura == "http" and not _is_loopback(cekura_host):
            yield (
                f"CEKURA_API_URL is {_shown(self.cekura_api_url)}: over http:// the API key would travel in clear",
                "use https://",
            )
        livekit, livekit_host = _scheme_and_host(self.livekit_url)
        if livekit not in ("ws", "wss", "http", "https") or not livekit_host:
            yield (
                f"LIVEKIT_URL is {_shown(self.livekit_url)}, which is no wss:// address",
                "it looks like wss://PROJECT.livekit.cloud",
            )
            return
        private = _is_private(livekit_host, resolve)
        # The secret itself never travels; tokens do, and on a private network many servers stand without TLS.
        if livekit in ("ws", "http") and not private:
            yield (
                f"LIVEKIT_URL is {_shown(self.livekit_url)}: over {livekit}:// access tokens would travel in clear",
                "use wss://",
            )
        if private and cekura_host and not _is_private(cekura_host, resolve):
            yield (
                f"LIVEKIT_URL is {_shown(self.livekit_url)}, a private or loopback address: "
                f"Cekura's evaluator joins from outside and cannot reach it",
                "use a LiveKit server with a public address, or rehearse here: cekura-kit run --sandbox",
            )


def _scheme_and_host(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "", ""
    return parts.scheme.lower(), parts.hostname or ""


def _shown(url: str) -> str:
    """The address without a user, a password or a query, in which keys may stand."""
    scheme, host = _scheme_and_host(url)
    if not scheme or not host:
        return repr(url.split("@")[-1][:60])
    port = urlsplit(url).port
    return f"{scheme}://{host}{f':{port}' if port else ''}"


def _resolve(host: str) -> list[str]:
    try:
        return [str(address[4][0]) for address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        # Behind a proxy that resolves names itself, this machine may know none: taken as public.
        return []


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _is_private(host: str, resolve: Resolve) -> bool:
    """Nobody outside reaches it: loopback, private or link-local, by itself or by all addresses of its name."""
    if _is_loopback(host) or host.endswith((".local", ".internal")):
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
