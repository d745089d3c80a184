"""Keys and addresses, from the environment, ``.env`` files or given. A suite file never contains keys."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, SecretStr

from ...addresses import Resolve, is_loopback, is_private, resolve_host, scheme_and_host, without_credentials
from ...errors import SettingsError
from ...odd_characters import odd_character
from ...permit import KIT_SECRET, LIVEKIT_SECRET, Key, keys_of
from ...variables import KEYS
from .env_files import FILES, Variables, read_variables
from .proxies import unusable_proxies

_FOUND_AT: Final = {
    "cekura_api_key": "Cekura's dashboard, Settings, API Keys",
    "livekit_url": "LiveKit Cloud's project settings, or your server's address",
    "livekit_api_key": "LiveKit Cloud's project settings, or your server's configuration",
    "livekit_api_secret": "LiveKit Cloud's project settings, or your server's configuration",
}
_COPIED: Final = "type the key again, or copy it from its page: editors, chats and terminals add such characters"


class Settings(BaseModel):
    """Keys and addresses of Cekura and LiveKit. The fields are the names of the environment variables."""

    # A key of a wrong type must not be quoted in the error.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    cekura_api_key: SecretStr
    cekura_api_url: str = "https://api.cekura.ai"
    cekura_dashboard_url: str = "https://dashboard.cekura.ai"
    cekura_project_id: str = ""
    """If set, reports link to the result's page."""
    livekit_url: str
    """``wss://…`` or ``https://…``; ``ws://`` on this machine or a private network only."""
    livekit_api_key: SecretStr
    livekit_api_secret: SecretStr
    cekura_kit_secret: SecretStr = SecretStr("")
    """If set, it signs the tests, in the place of the LiveKit secret; the agent's worker needs the same one."""

    @classmethod
    def from_environment(cls, *folders: Path, cekura: bool = True, livekit: bool = True) -> Self:
        """Read environment variables; ``.env`` and ``.env.local`` supply those not set.

        Args:
            folders: where these files may be, beside the current folder, whose files win.
            cekura: False for a command that needs LiveKit alone.
            livekit: False for a command that needs Cekura alone.

        Raises:
            SettingsError: variables are missing, or have characters that no key contains; names all of them. Or a file
                cannot be read.
        """
        variables = read_variables((*folders, Path()))
        values = {
            name: variables.found[name.upper()].value for name in cls.model_fields if name.upper() in variables.found
        }
        if not cekura:
            values.setdefault("cekura_api_key", "")
        if not livekit:
            values |= dict.fromkeys(("livekit_url", "livekit_api_key", "livekit_api_secret"), "")
        required = [name for name, field in cls.model_fields.items() if field.is_required()]
        if missing := [name for name in required if name not in values]:
            raise _missing(missing, variables)
        settings = cls.model_validate(values)
        _refuse([*settings._text_faults(variables), *_odd_keys(variables, ignore=set(cls.model_fields))])
        return settings

    @property
    def environment(self) -> dict[str, str]:
        """Variables for the suite's worker."""
        return {
            "CEKURA_API_URL": self.cekura_api_url,
            "CEKURA_API_KEY": self.cekura_api_key.get_secret_value(),
            "LIVEKIT_URL": self.livekit_url,
            "LIVEKIT_API_KEY": self.livekit_api_key.get_secret_value(),
            "LIVEKIT_API_SECRET": self.livekit_api_secret.get_secret_value(),
        } | ({KIT_SECRET: secret} if (secret := self.cekura_kit_secret.get_secret_value()) else {})

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that may never be printed."""
        named = (self.cekura_api_key, self.livekit_api_key, self.livekit_api_secret, self.cekura_kit_secret)
        return tuple(value for secret in named if (value := secret.get_secret_value()))

    @property
    def signing_keys(self) -> tuple[Key, ...]:
        """Keys that sign tests: the first signs, and each of them verifies."""
        return keys_of(self.environment)

    @property
    def signing_key(self) -> Key:
        """The key that signs tests.

        Raises:
            SettingsError: there is none: the secrets are empty, or placeholders.
        """
        if not self.signing_keys:
            raise SettingsError(
                f"{LIVEKIT_SECRET} is empty or a placeholder: no test can be signed with it",
                hint=f"set {LIVEKIT_SECRET}, or {KIT_SECRET} here and where the agent runs",
            )
        return self.signing_keys[0]

    @property
    def room_url(self) -> str:
        """LiveKit's address for a participant: ``wss://…`` or ``ws://…``."""
        return "ws" + self.livekit_url[4:] if self.livekit_url.startswith("http") else self.livekit_url

    @property
    def local_livekit(self) -> bool:
        """True if the LiveKit server runs on this machine."""
        return is_loopback(scheme_and_host(self.livekit_url)[1])

    @property
    def local_cekura(self) -> bool:
        """True if the address of Cekura's API is this machine, as a sandbox's is."""
        return is_loopback(scheme_and_host(self.cekura_api_url)[1])

    def result_url(self, result_id: int | None) -> str:
        """Return the address of a result's page; empty if the result or the project is not known."""
        if result_id is None or not self.cekura_project_id:
            return ""
        return f"{self.cekura_dashboard_url.rstrip('/')}/{self.cekura_project_id}/results/{result_id}"

    def check_text(self) -> None:
        """Refuse what can be seen in the texts alone: characters that no key contains, and passwords in addresses.

        Raises:
            SettingsError: names everything that is wrong.
        """
        _refuse(self._text_faults())

    def check(self, resolve: Resolve | None = None) -> None:
        """Refuse addresses that would send a key unencrypted, or that Cekura's evaluator could not reach.

        Args:
            resolve: returns a host name's addresses. Default: the system's resolver.

        Raises:
            SettingsError: names everything that is wrong, and what `check_text` refuses.
        """
        self.check_text()
        _refuse(self._faults(resolve or resolve_host))

    def _text_faults(self, variables: Variables | None = None) -> Iterable[tuple[str, str]]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            is_key = isinstance(value, SecretStr)
            text = value.get_secret_value() if is_key else value
            where = _named(name.upper(), variables)
            if odd := odd_character(text):
                yield f"{where} has {odd}", _COPIED if is_key else "type the address again"
            elif not is_key and "@" in text.partition("?")[0]:
                yield (
                    f"{where} is {without_credentials(text)} with a user name or a password",
                    "remove `USER:PASSWORD@` from the address: keys have variables of their own",
                )

    def _faults(self, resolve: Resolve) -> Iterable[tuple[str, str]]:
        """Yield each fault with its hint."""
        cekura, cekura_host = scheme_and_host(self.cekura_api_url)
        if cekura not in ("http", "https") or not cekura_host:
            yield (
                f"CEKURA_API_URL is {without_credentials(self.cekura_api_url)}, which is not an http(s):// address",
                "leave it unset for https://api.cekura.ai",
            )
        elif cekura == "http" and not is_loopback(cekura_host):
            yield (
                f"CEKURA_API_URL is {without_credentials(self.cekura_api_url)}: "
                "http:// would send the API key unencrypted",
                "use https://",
            )
        if not self.local_cekura:
            for proxy in unusable_proxies():
                yield f"{proxy.variable} names {proxy.address}: no HTTP proxy", "name a proxy as http://HOST:PORT"
        if self.livekit_url:
            yield from self._livekit_faults(resolve, cekura_host)

    def _livekit_faults(self, resolve: Resolve, cekura_host: str) -> Iterable[tuple[str, str]]:
        livekit, livekit_host = scheme_and_host(self.livekit_url)
        shown = without_credentials(self.livekit_url)
        if livekit not in ("ws", "wss", "http", "https") or not livekit_host:
            yield (
                f"LIVEKIT_URL is {shown}, which is not a wss:// address",
                "it looks like wss://PROJECT.livekit.cloud",
            )
            return
        private = is_private(livekit_host, resolve)
        # The secret itself is never sent; tokens are, and on a private network many servers have no TLS.
        if livekit in ("ws", "http") and not private:
            yield f"LIVEKIT_URL is {shown}: {livekit}:// would send access tokens unencrypted", "use wss://"
        if private and cekura_host and not is_private(cekura_host, resolve):
            yield (
                f"LIVEKIT_URL is {shown}, a private or loopback address: "
                "Cekura's evaluator joins from outside and cannot reach it",
                "use a LiveKit server with a public address, or rehearse here: cekura-kit run --sandbox",
            )


def _odd_keys(variables: Variables, *, ignore: set[str]) -> Iterable[tuple[str, str]]:
    """Yield what is wrong with keys that the agent under test uses: OPENAI_API_KEY and others."""
    for name in ("CEKURA_KIT_SECRET", *KEYS):
        found = variables.found.get(name)
        if found and name.lower() not in ignore and (odd := odd_character(found.value)):
            yield f"{_named(name, variables)} has {odd}", _COPIED


def _named(name: str, variables: Variables | None) -> str:
    """Return the variable's name, and its place if it was read from a file."""
    found = variables.found.get(name) if variables else None
    return f"{name} ({found.place})" if found and found.place else name


def _refuse(faults: Iterable[tuple[str, str]]) -> None:
    """Raise one error for all faults, each of which has its hint."""
    wrong = list(faults)
    if wrong:
        hints = dict.fromkeys(hint for _, hint in wrong)
        raise SettingsError("\n".join(fault for fault, _ in wrong), hint="; ".join(hints))


def _missing(names: list[str], variables: Variables) -> SettingsError:
    unread = [f"{place}: is not NAME=VALUE" for place in variables.unread]
    return SettingsError(
        "\n".join([f"not set: {', '.join(name.upper() for name in names)}", *unread]),
        hint=f"set them in the environment, or in {' or '.join(FILES)}; "
        + "; ".join(f"{name.upper()}: {_FOUND_AT[name]}" for name in names)
        + "; or try without any key: cekura-kit run --sandbox",
    )
