"""The suite's worker: a process under an agent name of its own, started, registered, stopped, nothing of it left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..errors import WorkerError
from .redaction import Redaction

NAME_VARIABLE: Final = "LIVEKIT_AGENT_NAME_OVERRIDE"
"""Renames a worker from outside, since livekit-agents 1.6."""

LOAD_VARIABLE: Final = "NUM_CPUS"
"""By so many cores livekit-agents divides what is used, on Linux, for the load that it reports to the server."""

_SMALL: Final = 4
"""Cores up to which a suite may well fill its machine. A server gives no job to a worker that reports full load, and
tells nobody: of 20 runs at once on two busy cores none got a job in two minutes; all did where half was reported."""
_REGISTERED: Final = "registered worker"
_FAILED: Final = "worker failed"
"""Logged by `dev`, whose process then stays."""
_START_TIMEOUT: Final = 90.0
"""Seconds until it is registered: an import of livekit.agents takes 3, of an agent with local models 20 and more."""
_STOP_TIMEOUT: Final = 20.0
"""Seconds after SIGTERM: a tracer may need 10 to flush."""
_HELPERS_TIMEOUT: Final = 4.0
"""Seconds in which its helpers follow it; those of `dev` take 3."""
_LOOK: Final = 0.05
_TAIL: Final = 12
"""Lines of its log in an error."""
_WIDTH: Final = 300
_DEV_LINE: Final = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ - (\w+) [\w.]+ - (.*?)\s*(?:\{.*\})?\s*$")
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HINTS: Final = (
    (r"ModuleNotFoundError|ImportError", "install what it imports into the environment that runs cekura-kit"),
    (r"[Aa]ddress already in use", "another worker has its health port: use `dev --no-reload`, which takes a free one"),
    (r"401|[Uu]nauthorized|invalid (API key|token)", "check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"),
    (r"No such file or directory|can't open file", "the command runs in the suite's folder: check its paths"),
    (r"[Uu]sage:|No such command|unrecognized arguments", "check the command: usually `python agent.py start`"),
    (r"Cannot connect to host|Connection refused|ConnectError", "check LIVEKIT_URL, and that the server runs"),
)


class Worker:
    """A worker process. An async context manager: entered, it is registered; left, it is gone.

    Args:
        command: split by shlex, no shell; ``python`` means the Python that runs this.
        folder: where it runs.
        environment: all its variables; the agent name is added.
        agent_name: what its own name begins with.
        redaction: applied to its log when it is shown, and when it is kept.

    Attributes:
        agent_name: the name under which it registers.
        log_path: what it printed; kept afterwards where its tail was shown.
        died: set when it ends by itself.
    """

    def __init__(
        self,
        command: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        agent_name: str = "",
        redaction: Redaction | None = None,
    ) -> None:
        # A name that nobody else has: a worker of the same name elsewhere would take half of the jobs.
        self.agent_name = f"{agent_name or 'cekura-kit'}-{secrets.token_hex(4)}"
        self.died = asyncio.Event()
        self.stop_within = _STOP_TIMEOUT
        self._command, self._folder, self._environment = command, folder, dict(environment)
        self._redaction = redaction or Redaction()
        handle, path = tempfile.mkstemp(prefix="cekura-kit-worker-", suffix=".log")
        os.close(handle)
        self.log_path = Path(path)
        self._told = False
        self._process: subprocess.Popen[bytes] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._start()
        try:
            await self._registered()
        except BaseException:
            await self.stop()
            raise
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int | None:
        """Its process id, which is also its group's and session's."""
        return self._process.pid if self._process else None

    def tail(self, lines: int = _TAIL) -> str:
        """The end of its log, without colours and secrets."""
        self._told = True
        shown = "\n".join(text for line in self._log().splitlines() if (text := _readable(line)))
        return "\n".join(shown.splitlines()[-lines:])

    def failure(self) -> WorkerError:
        """Why it is not there, with the tail of its log."""
        code = self._process.poll() if self._process else None
        how = "did not register" if code is None else f"ended with {_ending(code)}"
        return self._error(how)

    async def stop(self) -> None:
        """End it, and all of its group. Its callbacks run first: rooms are to be deleted before."""
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        process = self._process
        if process is None:
            return
        deadline = time.monotonic() + self.stop_within
        if process.poll() is None:
            # To it alone: sent to the group, its jobs would die without their callbacks.
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await _until(lambda: process.poll() is not None, deadline)
        await _until(lambda: not _group_lives(process.pid), min(deadline, time.monotonic() + _HELPERS_TIMEOUT))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        self._process = None
        self._keep_log()

    def _start(self) -> None:
        try:
            words = shlex.split(self._command)
        except ValueError as error:
            raise WorkerError(f"worker: {self._command!r} cannot be split: {error}", hint="check its quotes") from None
        if not words:
            raise WorkerError("worker: the command is empty", hint="give one, such as `python agent.py start`")
        if words[0] in ("python", "python3"):
            words[0] = sys.executable
        environment = _spared() | self._environment | {NAME_VARIABLE: self.agent_name, "PYTHONUNBUFFERED": "1"}
        try:
            with self.log_path.open("ab") as log:
                self._process = subprocess.Popen(
                    words,
                    cwd=self._folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Ctrl-C goes to the whole group; ours ends it after the rooms are gone.
                    start_new_session=True,
                )
        except OSError as error:
            raise WorkerError(
                f"worker: {words[0]!r} cannot be run in {self._folder} ({error.strerror})",
                hint="check the command; it is split by words, and no shell reads it",
            ) from None

    async def _registered(self) -> None:
        """Until its log says so, under its name."""
        process = self._process
        assert process is not None, "a worker is awaited before it is started"
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            lines = self._log().splitlines()
            if line := next((line for line in lines if _REGISTERED in line), None):
                self._check_name(line)
                return
            if process.poll() is not None or any(_FAILED in line for line in lines):
                raise self.failure()
            await asyncio.sleep(_LOOK)
        raise self._error(f"did not register within {_START_TIMEOUT:g} s")

    def _check_name(self, line: str) -> None:
        name = _registered_name(line)
        if name is not None and name != self.agent_name:
            raise WorkerError(
                f"the worker registered as {name!r}, not as {self.agent_name!r}",
                hint=f"livekit-agents 1.6 and later take their name from {NAME_VARIABLE}: "
                "does the command start another environment, or a script that sets the variable?",
            )

    async def _watch(self) -> None:
        process = self._process
        assert process is not None, "a worker is watched before it is started"
        await _until(lambda: process.poll() is not None, float("inf"))
        self.died.set()

    def _error(self, how: str) -> WorkerError:
        log = self._log()
        hint = next((hint for sign, hint in _HINTS if re.search(sign, log)), "its log says more")
        return WorkerError(
            f"worker `{self._redaction.text(self._command)}` {how}. Its log ends:\n{self.tail() or '(it is empty)'}",
            hint=f"{hint} ({self.log_path})",
        )

    def _log(self) -> str:
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return self._redaction.text(_ANSI.sub("", text))

    def _keep_log(self) -> None:
        """Kept where somebody was told of it; and what stays on the disk holds no secret either."""
        if self._told:
            self.log_path.write_text(self._log())
        else:
            self.log_path.unlink(missing_ok=True)


def _spared() -> dict[str, str]:
    """What keeps a small machine's full load from being the worker's."""
    cores = os.cpu_count() or 1
    return {LOAD_VARIABLE: str(2 * cores)} if cores <= _SMALL else {}


def _readable(line: str) -> str:
    """A line of a worker's log as a person needs it: level, message and traceback; empty for a line of no use.

    `start` logs JSON, `dev` logs time, level, name, message and then JSON; anything else stays as it is.
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


def _registered_name(line: str) -> str | None:
    """The agent name in the log line of a registration: JSON in `start`, words and then JSON in `dev`."""
    begin = line.find("{")
    with contextlib.suppress(ValueError):
        value = json.loads(line[begin:]) if begin >= 0 else None
        if isinstance(value, dict) and isinstance(value.get("agent_name"), str):
            return str(value["agent_name"])
    return None


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    # The dead count until they are reaped, which the first process of a container does late or never.
    stats = list(Path("/proc").glob("[0-9]*/stat"))
    return not stats or any(_lives_in(group, stat) for stat in stats)


def _lives_in(group: int, stat: Path) -> bool:
    """Whether a process of Linux is of this group, and no zombie."""
    try:
        # The program's name stands in parentheses, and may hold any character.
        state, _, of, *_ = stat.read_text(errors="replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return False
    return of == str(group) and state not in "ZX"


async def _until(condition: Callable[[], bool], deadline: float) -> None:
    # A process belongs to no event loop, and its end sets no event.
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK)
