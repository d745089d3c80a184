"""Registration of a worker at a LiveKit server, as its log shows it: under which name, and at which server."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from ...addresses import is_loopback
from ...errors import WorkerError
from ...variables import REPLACED_HINT, REPLACES, replaced_model, without_proxies
from .worker_log import fields

NAME_VARIABLE: Final = "LIVEKIT_AGENT_NAME_OVERRIDE"
"""Renames a worker from outside, since livekit-agents 1.6."""

_REGISTERED: Final = "registered worker"
_NOT_CONNECTED: Final = "failed to connect to livekit"
_CONNECTION: Final = re.compile(r"Cannot connect to host ([^\s:]+):(\d+)")


class ExpectedRegistration:
    """The registration that a worker was started for.

    Args:
        agent_name: name under which it is to register.
        environment: variables of the worker; ``LIVEKIT_URL`` names the server.
    """

    def __init__(self, agent_name: str, environment: Mapping[str, str]) -> None:
        self._agent_name = agent_name
        self._server = _host_and_port(environment.get("LIVEKIT_URL", ""))
        self._environment = dict(environment)
        self._behind_proxy = without_proxies(environment) != self._environment

    @property
    def is_local(self) -> bool:
        """True if the server is on this machine."""
        return is_loopback(self._server[0])

    def is_in(self, lines: Iterable[str]) -> bool:
        """Return True if the worker has registered as expected, by the lines of its log.

        Raises:
            WorkerError: it registered under another name or at another server, or tries to connect to another one.
        """
        lines = list(lines)
        line = next((line for line in lines if _REGISTERED in line), None)
        if line is not None:
            self._check(line)
            return True
        if other := self._other_server(lines):
            raise self._registered_elsewhere("connects to", other)
        return False

    def check_models(self, lines: Iterable[str], environments: Iterable[Mapping[str, str]]) -> None:
        """Check that the agent's models are those of the environment that it was given.

        Args:
            lines: of the worker's log, in which the kit's own worker says it.
            environments: of its job processes.

        Raises:
            WorkerError: the agent replaces the address of a model on this machine.
        """
        logged = (str(fields(line).get("message", "")) for line in lines if REPLACES in line)
        found = (replaced_model(self._environment, environment) for environment in environments)
        if replaced := next(filter(None, itertools.chain(logged, found)), ""):
            raise WorkerError(replaced, hint=REPLACED_HINT)

    def _check(self, line: str) -> None:
        """Check the name and the server in the log line of a registration."""
        found = fields(line)
        name, url = found.get("agent_name"), found.get("url")
        if isinstance(name, str) and name != self._agent_name:
            raise WorkerError(
                f"the worker registered as {name!r}, not as {self._agent_name!r}",
                hint=f"livekit-agents reads its name from {NAME_VARIABLE}: "
                "does the command start another environment, or a script that sets the variable?",
            )
        if isinstance(url, str) and self._server[0] and _host_and_port(url) != self._server:
            raise self._registered_elsewhere("registered at", _host_and_port(url))

    def _other_server(self, lines: list[str]) -> tuple[str, int] | None:
        """Return the server of a connection error, if it is not the one that was set."""
        if not self._server[0] or (self._behind_proxy and not self.is_local):
            return None
        failures = (_CONNECTION.search(line) for line in lines if _NOT_CONNECTED in line)
        found = [_server(match[1], int(match[2])) for match in failures if match]
        return next((each for each in found if each != self._server), None)

    def _registered_elsewhere(self, verb: str, server: tuple[str, int]) -> WorkerError:
        here, there = ("{}:{}".format(*each) for each in (self._server, server))
        return WorkerError(
            f"the worker {verb} {there}, and LIVEKIT_URL was set to {here}: the agent overrides LIVEKIT_URL",
            hint="does its code call load_dotenv(override=True), or pass ws_url? Let the environment win: its own .env "
            "sends tests to another server, with that server's keys",
        )


def _host_and_port(url: str) -> tuple[str, int]:
    """Return the server of a URL; an empty host for what is none."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        return _server(parts.hostname or "", parts.port or (443 if parts.scheme in ("wss", "https") else 80))
    return "", 0


def _server(host: str, port: int) -> tuple[str, int]:
    return ("127.0.0.1" if is_loopback(host) else host), port
