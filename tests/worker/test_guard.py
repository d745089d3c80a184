"""A guard stops its command when its starter is gone; real processes."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cekura_agent_kit.guarded import GuardedProcess

DEADLINE = 20.0
STUBBORN = "trap '' TERM; (trap '' TERM; sleep 300) & sleep 300"


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running_in(group: int) -> list[psutil.Process]:
    """Processes of the group that are no zombies."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def started(log: Path) -> Iterator[Callable[..., GuardedProcess]]:
    """Starts a shell command under a guard; all of it is gone after the test."""
    processes: list[GuardedProcess] = []

    def start(command: str, **options: object) -> GuardedProcess:
        processes.append(GuardedProcess(["sh", "-c", command], log=log, **options))  # type: ignore[arg-type]
        return processes[-1]

    yield start
    for process in processes:
        process.kill()


Start = Callable[..., GuardedProcess]


def test_output_and_exit_code_of_a_command(started: Start, log: Path, tmp_path: Path) -> None:
    process = started("pwd; echo $COLOUR >&2; cat; exit 3", folder=tmp_path, environment={"COLOUR": "red"})

    assert process.wait(DEADLINE) == 3
    assert log.read_text() == f"{tmp_path}\nred\n"


def test_an_end_that_is_read_with_the_start_is_not_lost(started: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    first_line = GuardedProcess._next_line

    def wait_for_both(self: GuardedProcess) -> tuple[str, int]:
        size = array.array("i", [0])
        # `pid 4194304` and its line end are 12 characters.
        while size[0] <= 12:
            fcntl.ioctl(self._status, termios.FIONREAD, size)
        return first_line(self)

    monkeypatch.setattr(GuardedProcess, "_next_line", wait_for_both)
    assert started("exit 7").wait(DEADLINE) == 7


def test_a_signal_is_a_negative_exit_code(started: Start) -> None:
    process = started("kill -9 $$")
    assert process.wait(DEADLINE) == -signal.SIGKILL
    assert process.poll() == -signal.SIGKILL


def test_sigterm_reaches_the_command_alone(started: Start, log: Path) -> None:
    process = started("trap 'echo stopped; exit 5' TERM; (trap 'echo child' TERM; sleep 300) & echo ready; wait")
    until(lambda: "ready" in log.read_text())
    process.terminate()

    assert process.wait(DEADLINE) == 5
    assert log.read_text() == "ready\nstopped\n"
    assert running_in(process.pid)
    process.kill()
    until(lambda: not running_in(process.pid))


def test_a_command_that_cannot_be_started_is_an_os_error(log: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        GuardedProcess(["no-such-program"], log=log)
    assert raised.value.filename == "no-such-program"


STARTER = """
import os, signal, sys, time
from pathlib import Path
from cekura_agent_kit.guarded import GuardedProcess
folder, command = Path(sys.argv[1]), sys.argv[2]
process = GuardedProcess(["sh", "-c", command], log=folder / "log", key_files=[folder / "key"], grace=0.5)
print(process.pid, flush=True)
time.sleep(300)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", ["sleep 300", STUBBORN])
def test_nothing_is_left_when_the_starter_is_killed(tmp_path: Path, command: str, how: signal.Signals) -> None:
    (tmp_path / "key").write_text("secret")
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path), command], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    group = int(starter.stdout.readline())
    until(lambda: running_in(group))
    starter.send_signal(how)
    starter.wait()
    starter.stdout.close()

    until(lambda: not running_in(group))
    until(lambda: (tmp_path / "key").read_text() == "")
    assert (tmp_path / "log").exists()


def test_a_guard_that_is_killed_takes_its_command_with_it(started: Start) -> None:
    process = started(STUBBORN)
    guard = psutil.Process(process.pid).parent()
    assert guard is not None
    guard.kill()

    assert process.wait(DEADLINE) == -signal.SIGKILL
    until(lambda: not running_in(process.pid))


def test_sigterm_to_the_guard_stops_the_command(started: Start, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    process = started("sleep 300", key_files=[tmp_path / "key"])
    guard = psutil.Process(process.pid).parent()
    assert guard is not None
    guard.terminate()

    until(lambda: not running_in(process.pid))
    until(lambda: (tmp_path / "key").read_text() == "")


def test_an_ignored_sigint_stays_ignored_and_others_have_their_defaults(started: Start, log: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = "from signal import *; print([getsignal(each).name for each in (SIGINT, SIGTERM, SIGHUP, SIGCHLD)])"
        process = started(f'exec {sys.executable} -c "{code}"')
    finally:
        signal.signal(signal.SIGINT, before)

    assert process.wait(DEADLINE) == 0
    assert log.read_text() == "['SIG_IGN', 'SIG_DFL', 'SIG_DFL', 'SIG_DFL']\n"
