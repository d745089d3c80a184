"""The suite's worker: a process with an agent name of its own, started for the suite and stopped after it."""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dotenv import dotenv_values

from ...errors import WorkerError
from ...guarded import GuardedProcess
from ...placeholder import PLACEHOLDER
from ...safe_text import secrets_of
from ...variables import without_proxies
from ...worker import is_target, serve_command
from ..settings.redaction import Redaction
from .process_group import environments_of_jobs, exit_in_words, group_is_alive
from .registration import NAME_VARIABLE, ExpectedRegistration
from .worker_log import TAIL, WorkerLog

LOAD_VARIABLE: Final = "NUM_CPUS"
"""Number of cores by which livekit-agents divides the used CPU time for the load that it reports (Linux)."""

_SMALL_MACHINE: Final = 4
"""Cores up to which a suite may fill its machine. A server silently withholds jobs from a worker that reports full
load: of 20 runs at once on two busy cores none got a job in two minutes; all did where half the load was reported."""
_FAILED: Final = "worker failed"
"""Logged by `dev`, whose process then goes on."""
_START_TIMEOUT: Final = 90.0
"""Seconds until it has registered: livekit.agents takes 3 to import, an agent with local models 20 and more."""
_STOP_TIMEOUT: Final = 20.0
"""Seconds from SIGTERM to SIGKILL: a tracer may need 10 to flush."""
_HELPERS_TIMEOUT: Final = 4.0
"""Seconds for the end of its helper processes; those of `dev` take 3."""
_POLL: Final = 0.05
"""Seconds between two checks of a process or a log."""
_WATCH: Final = 0.25
"""Seconds between two checks of a worker that serves: it and its jobs may die."""


class Worker:
    """A worker process.

    Args:
        command: split by shlex, without a shell; ``python`` means the Python that runs this. A Python file alone,
            ``agent.py`` or ``agent.py:name``, is served by `worker.serve`.
        folder: working folder of the process.
        environment: all its variables; the agent name is added.
        agent_name: prefix of its own name.
        concurrency: number of jobs at a time; as many processes are kept ready for a Python file.
        wrapped: refuse a Python file whose agent is not wrapped, which runs in text need.
        redaction: applied to its log, beside the secrets among its variables and in its folder's ``.env`` files.

    Attributes:
        agent_name: the name under which it registers.
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
        wrapped: bool = False,
        redaction: Redaction | None = None,
    ) -> None:
        # A unique name: another worker with the same name would receive half of the jobs.
        self.agent_name = f"{agent_name or 'cekura-kit'}-{secrets.token_hex(4)}"
        self.died = asyncio.Event()
        self._command, self._folder, self._environment = command, folder, dict(environment)
        self._concurrency, self._wrapped = concurrency, wrapped
        self._redaction = Redaction([*(redaction.secrets if redaction else ()), *_secrets(folder, environment)])
        self._expected = ExpectedRegistration(self.agent_name, self._environment)
        self._log = WorkerLog(self._redaction)
        self._process: GuardedProcess | None = None
        self._watching: asyncio.Task[None] | None = None
        self._fault: WorkerError | None = None
        self._lost: dict[str, asyncio.Event] = {}

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
            self.delete_log()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        self.delete_log()

    @property
    def pid(self) -> int | None:
        """Process id, which is also the id of its process group and session."""
        return self._process.pid if self._process else None

    def log(self) -> str:
        """Return its log, without colours and secrets."""
        return self._log.text()

    def delete_log(self) -> None:
        """Delete its log, once it has stopped."""
        self._log.delete()

    @property
    def ending(self) -> str:
        """End of its process in words, ``ended with SIGKILL``; empty while it runs."""
        code = self._process.poll() if self._process else None
        return "" if code is None else f"ended with {exit_in_words(code)}"

    def tail(self, lines: int = TAIL) -> str:
        """Return the end of its log, without colours and secrets."""
        return self._log.tail(lines)

    def failure(self) -> WorkerError:
        """Return the error that says how the process ended, with the tail of its log, or what is wrong with it."""
        if self._fault is not None:
            return self._fault
        return self._error(self.ending or "did not register")

    def crash_in(self, room: str) -> str:
        """Describe how the job process of this room died; empty if it did not."""
        return self._log.crash_in(room)

    def lost(self, room: str) -> asyncio.Event:
        """Return the event that is set when the worker or its job process of this room has died.

        LiveKit's server keeps a participant whose process died for 20 s more.
        """
        return self._lost.setdefault(room, self._event_of(room))

    def _event_of(self, room: str) -> asyncio.Event:
        event = asyncio.Event()
        if self.died.is_set() or self.crash_in(room):
            event.set()
        return event

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
        await _until(lambda: not group_is_alive(process.pid), min(deadline, time.monotonic() + _HELPERS_TIMEOUT))
        await asyncio.to_thread(process.kill)
        self._process = None

    def _start_process(self) -> None:
        try:
            words = shlex.split(self._command)
        except ValueError as error:
            raise WorkerError(f"worker: {self._command!r} cannot be split: {error}", hint="check its quotes") from None
        if not words:
            raise WorkerError(
                "worker: the command is empty", hint="name the agent's file (`worker: agent.py`), or give a command"
            )
        if is_target(words):
            words = serve_command(words[0], idle=self._concurrency, wrapped=self._wrapped)
        elif words[0] in ("python", "python3"):
            words[0] = sys.executable
        environment = _load_allowance() | self._environment | {NAME_VARIABLE: self.agent_name, "PYTHONUNBUFFERED": "1"}
        if self._expected.is_local:
            environment = without_proxies(environment)
        try:
            self._process = GuardedProcess(words, log=self._log.path, folder=self._folder, environment=environment)
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
            lines = self._log.lines()
            registered = self._expected.is_in(lines)
            self._expected.check_models(lines, environments_of_jobs(process.pid) if registered else ())
            if registered:
                return
            if process.poll() is not None or any(_FAILED in line for line in lines):
                raise self.failure()
            await asyncio.sleep(_POLL)
        raise self._error(f"did not register within {_START_TIMEOUT:g} s")

    async def _watch(self) -> None:
        process = self._process
        assert process is not None, "the process is started first"
        checked = False
        while process.poll() is None:
            checked = checked or self._check_jobs(process.pid)
            if self._fault is not None:
                break
            for room, lost in self._lost.items():
                if not lost.is_set() and self.crash_in(room):
                    lost.set()
            await asyncio.sleep(_WATCH)
        self.died.set()
        for lost in self._lost.values():
            lost.set()

    def _check_jobs(self, pid: int) -> bool:
        """Check the environment of job processes. Return False if there is none yet: `dev` starts them with jobs."""
        environments = environments_of_jobs(pid)
        try:
            self._expected.check_models((), environments)
        except WorkerError as error:
            self._fault = error
        return bool(environments)

    def _error(self, how: str) -> WorkerError:
        return WorkerError(
            f"worker `{self._redaction.text(self._command)}` {how}. Its log ends:\n{self.tail() or '(it is empty)'}",
            hint=self._log.hint(),
        )


def _secrets(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the secrets of a worker: those in its environment, and those that its code may read from a file."""
    found = secrets_of(environment)
    for name in (".env", ".env.local"):
        with suppress(OSError, ValueError):
            found += secrets_of(dotenv_values(folder / name))
    return [secret for secret in found if secret != PLACEHOLDER]


def _load_allowance() -> dict[str, str]:
    """Return the variable that makes a worker on a small machine report half of its load."""
    cores = os.cpu_count() or 1
    return {LOAD_VARIABLE: str(2 * cores)} if cores <= _SMALL_MACHINE else {}


async def _until(condition: Callable[[], bool], deadline: float) -> None:
    # The process belongs to no event loop, so its end sets no event.
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_POLL)
