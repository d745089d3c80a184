"""The real command as a process, and what is left of it when it has ended."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from cekura_agent_kit.verdict import SuiteVerdict
from tests.command_lines import command_line
from tests.faults.scene import ROOT
from tests.faults.secrecy import Outputs

_MARK = "FAULTS_COMMAND"
"""Environment variable that all descendants inherit, whatever session they make for themselves."""
DEADLINE = 90.0
"""Seconds for what must happen sooner or later on a busy machine."""


class Command:
    """``cekura-kit …`` in a session of its own, as a terminal or a CI system starts it."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        folder: Path,
        outputs: Outputs,
        pipe: bool = False,
        terminal: bool = False,
        program: Sequence[str] = (sys.executable, "-m", "cekura_agent_kit"),
    ) -> None:
        self._mark = secrets.token_hex(8)
        self._outputs, self._folder = outputs, folder
        # What it leaves in the folder for temporary files can be seen. The path is short: job processes listen on a
        # Unix socket in it, whose path may have 107 characters, and pytest's own folders are long.
        self.temporary = Path(tempfile.mkdtemp(prefix="kit-"))
        self.log = folder / "printed"
        own = {key: value for key, value in os.environ.items() if not key.startswith(("CEKURA_", "LIVEKIT_"))}
        self._master: int | None = None
        slave: int | None = None
        if terminal:
            self._master, slave = os.openpty()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*program, *arguments],
                cwd=folder,
                env=own
                | dict(environment)
                | {_MARK: self._mark, "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL if slave is None else slave,
                stdout=subprocess.PIPE if pipe else log if slave is None else slave,
                stderr=log if slave is None else slave,
                start_new_session=True,
                # The terminal of its session: only then does its end send SIGHUP.
                preexec_fn=None if slave is None else partial(fcntl.ioctl, slave, termios.TIOCSCTTY, 0),
            )
        if self._master is not None and slave is not None:
            os.close(slave)
            stop, self._stop = os.pipe()
            self._copying = threading.Thread(target=self._copy, args=(self._master, stop), daemon=True)
            self._copying.start()

    def close_terminal(self) -> None:
        """Close the terminal's other side, as a window does. A terminal that somebody still reads is not closed."""
        assert self._master is not None, "it was started in a terminal"
        os.close(self._stop)
        self._copying.join()
        os.close(self._master)
        self._master = None

    def _copy(self, master: int, stop: int) -> None:
        """Write what the terminal shows to the log."""
        with self.log.open("ab", buffering=0) as log, suppress(OSError):
            while stop not in select.select([master, stop], [], [])[0]:
                log.write(os.read(master, 65536))
        os.close(stop)

    @property
    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def report(self) -> SuiteVerdict | None:
        """Its JSON report, ``report.json``, where it has written one."""
        path = self._folder / "report.json"
        return SuiteVerdict.from_json(path.read_text()) if path.exists() else None

    def command_lines(self) -> list[str]:
        """Of all processes that it has started, directly or not, and that live; as `ps` shows them to everybody."""
        return [" ".join(words) for process in self._descendants() if (words := command_line(process))]

    def send(self, number: signal.Signals) -> None:
        """To the whole group, as a terminal and CI systems do."""
        os.killpg(self.process.pid, number)

    async def ended(self, within: float = DEADLINE) -> int:
        """Its exit code, as a shell has it."""
        code = await asyncio.to_thread(self.process.wait, within)
        return 128 - code if code < 0 else code

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for something to be seen of it from outside; fails with what it printed."""
        deadline = time.monotonic() + DEADLINE
        while True:
            value = condition()
            if await value if asyncio.iscoroutine(value) else value:
                break
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            await asyncio.sleep(0.02)
        self._outputs.add("process list", "\n".join([str(self.process.args), *self.command_lines()]))

    def end(self) -> None:
        """Whatever is left of it."""
        for process in self._descendants():
            with suppress(psutil.Error):
                process.kill()
        self.process.kill()
        self.process.wait()
        if self._master is not None:
            self.close_terminal()

    def _descendants(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.pid != self.process.pid and process.environ().get(_MARK) == self._mark:
                    found.append(process)
        return found


@asynccontextmanager
async def command(*arguments: str, **options: Any) -> AsyncIterator[Command]:
    """One command; nothing of it outlives the context. What it prints goes to a file, a pipe, or a terminal.

    Args:
        arguments: of the command.
        options: as of `Command`.
    """
    running = Command(*arguments, **options)
    try:
        yield running
    finally:
        running.end()


def write_suite(folder: Path, **values: Any) -> Path:
    """A suite file; YAML is a superset of JSON."""
    file = folder / "cekura.yaml"
    file.write_text(json.dumps({"name": "faults", "mode": "text", "runs": [{"scenario": 30}]} | values))
    return file
