"""The suite's worker: a process with an agent name of its own, started for the suite and stopped after it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import psutil

from ..errors import WorkerError
from ..guarded import GuardedProcess
from ..variables import without_proxies
from ..worker import is_target, serve_command
from .addresses import is_loopback
from .redaction import Redaction

NAME_VARIABLE: Final = "LIVEKIT_AGENT_NAME_OVERRIDE"
"""Renames a worker from outside, since livekit-agents 1.6."""

LOAD_VARIABLE: Final = "NUM_CPUS"
"""Number of cores by which livekit-agents divides the used CPU time for the load that it reports (Linux)."""

_SMALL_MACHINE: Final = 4
"""Cores up to which a suite may fill its machine. A server silently withholds jobs from a worker that reports full
load: of 20 runs at once on two busy cores none got a job in two minutes; all did where half the load was reported."""
_REGISTERED: Final = "registered worker"
_NOT_CONNECTED: Final = "failed to connect to livekit"
_FAILED: Final = "worker failed"
"""Logged by `dev`, whose process then goes on."""
_START_TIMEOUT: Final = 90.0
"""Seconds until it has registered: livekit.agents takes 3 to import, an agent with local models 20 and more."""
_STOP_TIMEOUT: Final = 20.0
"""Seconds from SIGTERM to SIGKILL: a tracer may need 10 to flush."""
_HELPERS_TIMEOUT: Final = 4.0
"""Seconds for the end of its helper processes; those of `dev` take 3."""
_POLL: Final = 0.05
"""Seconds between two looks at a process or a log."""
_TAIL: Final = 12
"""Lines of its log in an error."""
_WIDTH: Final = 300
"""Characters of such a line."""
_DEV_LINE: Final = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ - (\w+) [\w.]+ - (.*?)\s*(?:\{.*\})?\s*$")
_CRASHED: Final = re.compile(r"process exited with non-zero exit code (-?\d+)")
_CONNECTION: Final = re.compile(r"Cannot connect to host ([^\s:]+):(\d+)")
_OWN_HINT: Final = re.compile(r"^  hint: (.+)$", re.MULTILINE)
"""Of `worker.serve`."""
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HINTS: Final = (
    (r"ModuleNotFoundError|ImportError", "install the missing module into the environment that runs cekura-kit"),
    (
        r"[Aa]ddress already in use",
        "its health port is in use: start it with `dev --no-reload`, which picks a free one",
    ),
    (r"401|[Uu]nauthorized|invalid (API key|token)", "check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"),
    (r"No such file or directory|can't open file", "the command runs in the suite's folder: check its paths"),
    (r"[Uu]sage:|No such command|unrecognized arguments", "check the command: usually `python agent.py start`"),
    (r"Cannot connect to host|Connection refused|ConnectError", "check LIVEKIT_URL, and that the server is running"),
)


class Worker:
    """A worker process.

    Args:
        command: split by shlex, without a shell; ``python`` means the Python that runs this. A Python file alone,
            ``agent.py`` or ``agent.py:name``, is served by `worker.serve`.
        folder: working folder of the process.
        environment: all its variables; the agent name is added.
        agent_name: prefix of its own name.
        concurrency: number of jobs at a time; as many processes are kept ready for a Python file.
        redaction: applied to its log when it is shown and when it is kept.

    Attributes:
        agent_name: the name under which it registers.
        log_path: file with its output; kept afterwards if a part of it was shown.
        died: set when the process ends by itself.
    """

    def __init__(
        self,
        command: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        agent_name: str = "",
        concurrency: int = 1,
        redaction: Redaction | None = None,
    ) -> None:
        # A unique name: another worker with the same name would receive half of the jobs.
        self.agent_name = f"{agent_name or 'cekura-kit'}-{secrets.token_hex(4)}"
        self.died = asyncio.Event()
        self._command, self._folder, self._environment = command, folder, dict(environment)
        self._concurrency = concurrency
        self._redaction = redaction or Redaction()
        handle, path = tempfile.mkstemp(prefix="cekura-kit-worker-", suffix=".log")
        os.close(handle)
        self.log_path = Path(path)
        self._shown = False
        self._process: GuardedProcess | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and wait until it has registered. `stop` it in any case.

        Raises:
            WorkerError: it cannot be started, ended, or did not register in time.
        """
        self._start_process()
        await self._wait_registered()
        self._watching = asyncio.create_task(self._watch())

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int | None:
        """Process id, which is also the id of its process group and session."""
        return self._process.pid if self._process else None

    def tail(self, lines: int = _TAIL) -> str:
        """Return the end of its log, without colours and secrets."""
        self._shown = True
        shown = "\n".join(text for line in self._log().splitlines() if (text := _readable(line)))
        return "\n".join(shown.splitlines()[-lines:])

    def failure(self) -> WorkerError:
        """Return the error that says how the process ended, with the tail of its log."""
        code = self._process.poll() if self._process else None
        how = "did not register" if code is None else f"ended with {_ending(code)}"
        return self._error(how)

    def crash_in(self, room: str) -> str:
        """Describe how the job process of this room died; empty if it did not."""
        for line in self._log().splitlines():
            if room in line and (match := _CRASHED.search(line)):
                code = int(match[1])
                return f"the agent's job process died ({_ending(code)})"
        return ""

    async def stop(self, *, within: float = _STOP_TIMEOUT) -> None:
        """Stop the process and its whole group. Delete its rooms first, so that its shutdown callbacks can run.

        Args:
            within: seconds from SIGTERM to SIGKILL.
        """
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        process = self._process
        if process is None:
            return
        deadline = time.monotonic() + within
        if process.poll() is None:
            # Not to the group: its jobs would die without their callbacks.
            process.terminate()
            await _until(lambda: process.poll() is not None, deadline)
        await _until(lambda: not _group_is_alive(process.pid), min(deadline, time.monotonic() + _HELPERS_TIMEOUT))
        await asyncio.to_thread(process.kill)
        self._process = None
        self._keep_log()

    def _start_process(self) -> None:
        try:
            words = shlex.split(self._command)
        except ValueError as error:
            raise WorkerError(f"worker: {self._command!r} cannot be split: {error}", hint="check its quotes") from None
        if not words:
            raise WorkerError("worker: the command is empty", hint="give one, for example `python agent.py start`")
        if is_target(words):
            words = serve_command(words[0], idle=self._concurrency)
        elif words[0] in ("python", "python3"):
            words[0] = sys.executable
        environment = _load_allowance() | self._environment | {NAME_VARIABLE: self.agent_name, "PYTHONUNBUFFERED": "1"}
        if is_loopback(self._host_and_port[0]):
            environment = without_proxies(environment)
        try:
            self._process = GuardedProcess(words, log=self.log_path, folder=self._folder, environment=environment)
        except OSError as error:
            raise WorkerError(
                f"worker: {words[0]!r} cannot be started in {self._folder} ({error.strerror})",
                hint="check the command; it is split into words, without a shell",
            ) from None

    async def _wait_registered(self) -> None:
        """Wait for the log line of its registration, under its name."""
        process = self._process
        assert process is not None, "the process is started first"
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            lines = self._log().splitlines()
            if line := next((line for line in lines if _REGISTERED in line), None):
                self._check_registration(line)
                return
            if other := self._other_server(lines):
                raise self._registered_elsewhere("connects to", other)
            if process.poll() is not None or any(_FAILED in line for line in lines):
                raise self.failure()
            await asyncio.sleep(_POLL)
        raise self._error(f"did not register within {_START_TIMEOUT:g} s")

    def _check_registration(self, line: str) -> None:
        """Check the name and the server in the log line of a registration."""
        fields = _fields(line)
        name, url = fields.get("agent_name"), fields.get("url")
        if isinstance(name, str) and name != self.agent_name:
            raise WorkerError(
                f"the worker registered as {name!r}, not as {self.agent_name!r}",
                hint=f"livekit-agents reads its name from {NAME_VARIABLE}: "
                "does the command start another environment, or a script that sets the variable?",
            )
        if isinstance(url, str) and self._host_and_port[0] and _host_and_port(url) != self._host_and_port:
            raise self._registered_elsewhere("registered at", _host_and_port(url))

    @property
    def _host_and_port(self) -> tuple[str, int]:
        """The server that the worker is to register at."""
        return _host_and_port(self._environment.get("LIVEKIT_URL", ""))

    def _other_server(self, lines: list[str]) -> tuple[str, int] | None:
        """Return the server of a connection error, if it is not the one that was set."""
        expected = self._host_and_port
        behind_proxy = without_proxies(self._environment) != self._environment
        if not expected[0] or (behind_proxy and not is_loopback(expected[0])):
            return None
        failures = (_CONNECTION.search(line) for line in lines if _NOT_CONNECTED in line)
        found = [_server(match[1], int(match[2])) for match in failures if match]
        return next((each for each in found if each != expected), None)

    def _registered_elsewhere(self, verb: str, server: tuple[str, int]) -> WorkerError:
        here, there = ("{}:{}".format(*each) for each in (self._host_and_port, server))
        return WorkerError(
            f"the worker {verb} {there}, and LIVEKIT_URL was set to {here}: the agent overrides LIVEKIT_URL",
            hint="does its code call load_dotenv(override=True), or pass ws_url? Let the environment win: its own .env "
            "sends tests to another server, with that server's keys",
        )

    async def _watch(self) -> None:
        process = self._process
        assert process is not None, "the process is started first"
        await _until(lambda: process.poll() is not None, float("inf"))
        self.died.set()

    def _error(self, how: str) -> WorkerError:
        log = self._log()
        own = _OWN_HINT.search(log)
        hint = own[1] if own else next((hint for sign, hint in _HINTS if re.search(sign, log)), "read its log")
        return WorkerError(
            f"worker `{self._redaction.text(self._command)}` {how}. Its log ends:\n{self.tail() or '(it is empty)'}",
            hint=f"{hint} ({self.log_path})",
        )

    def _log(self) -> str:
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return self._redaction.text(_ANSI.sub("", text))

    def _keep_log(self) -> None:
        """Keep the log, without secrets, if a part of it was shown; else delete it."""
        if self._shown:
            self.log_path.write_text(self._log())
        else:
            self.log_path.unlink(missing_ok=True)


def _load_allowance() -> dict[str, str]:
    """Return the variable that makes a worker on a small machine report half of its load."""
    cores = os.cpu_count() or 1
    return {LOAD_VARIABLE: str(2 * cores)} if cores <= _SMALL_MACHINE else {}


def _readable(line: str) -> str:
    """Reduce a line of a worker's log to level, message and traceback; an empty string for DEBUG lines.

    `start` logs JSON, `dev` logs time, level, name, message and then JSON. Any other line stays as it is.
    """
    with contextlib.suppress(ValueError):
        value = json.loads(line)
        if isinstance(value, dict) and "message" in value:
            parts = [f"{value.get('level', '')} {value['message']}".strip(), str(value.get("exc_info") or "")]
            return "" if value.get("level") == "DEBUG" else "\n".join(part for part in parts if part)
    if match := _DEV_LINE.match(line):
        level, message = match.groups()
        return "" if level == "DEBUG" else f"{level} {message}"[:_WIDTH].rstrip()
    return line[:_WIDTH].rstrip()


def _fields(line: str) -> dict[str, Any]:
    """Return the fields of a log line: all of it is JSON in `start`, its end in `dev`. Empty if it has none."""
    begin = line.find("{")
    with contextlib.suppress(ValueError):
        value = json.loads(line[begin:]) if begin >= 0 else None
        if isinstance(value, dict):
            return value
    return {}


def _host_and_port(url: str) -> tuple[str, int]:
    """Return the server of a URL; an empty host for what is none."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        return _server(parts.hostname or "", parts.port or (443 if parts.scheme in ("wss", "https") else 80))
    return "", 0


def _server(host: str, port: int) -> tuple[str, int]:
    return ("127.0.0.1" if is_loopback(host) else host), port


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _group_is_alive(group: int) -> bool:
    """Return True if a process of the group is running. Zombies do not count: a container's init may reap them late."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return any(_is_running_in(group, process) for process in psutil.process_iter())


def _is_running_in(group: int, process: psutil.Process) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


async def _until(condition: Callable[[], bool], deadline: float) -> None:
    # The process belongs to no event loop, so its end sets no event.
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_POLL)
