"""The one way in which commands end, by programs that send themselves signals."""

from __future__ import annotations

import subprocess
import sys
from signal import SIGHUP, SIGINT, SIGTERM

import pytest

HEAD = """
import asyncio, os, signal
from cekura_agent_kit.cli import signals

signals.LIMIT = 0.3
signals.install()

def send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)

async def work(*numbers):
    send(*numbers)
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0)
        print("cleaned up", flush=True)
"""


def ended(code: str) -> tuple[int, str]:
    """Run the program; return its exit code, and what it printed."""
    done = subprocess.run([sys.executable, "-c", HEAD + code], capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("first", "second"), [(SIGINT, SIGINT), (SIGTERM, SIGINT), (SIGHUP, SIGTERM)])
def test_the_first_signal_counts_and_the_work_is_cleaned_up(first: int, second: int) -> None:
    code, printed = ended(f"signals.run(work({first:d}, {second:d}))\nprint('not reached')")
    assert code == 128 + first
    assert printed.splitlines() == ["cleaned up", f"cekura-kit: stopping ({first.name})"]  # type: ignore[attr-defined]


def test_without_anything_to_clean_up_a_signal_ends_the_command_at_once() -> None:
    assert ended("send(signal.SIGTERM)\nprint('not reached')") == (143, "")


def test_what_is_being_written_is_written_to_its_end() -> None:
    code = (
        "with signals.deferred():\n    send(signal.SIGTERM, signal.SIGINT)\n    print('written')\nprint('not reached')"
    )
    assert ended(code) == (143, "written\n")


def test_a_clean_up_that_does_not_end_is_left_after_a_while() -> None:
    code = "async def stuck():\n    try:\n        await work(signal.SIGINT)\n    finally:\n        signal.pause()\n"
    status, printed = ended(f"{code}signals.run(stuck())")
    assert status == 130
    assert "not everything was cleaned up within 0.3 s" in printed


def test_a_signal_that_was_ignored_from_the_start_as_by_nohup_stays_ignored() -> None:
    code = "send(signal.SIGHUP)\nprint('goes on')"
    ignored = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    done = subprocess.run([sys.executable, "-c", ignored + HEAD + code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


def test_a_second_command_in_one_process_starts_no_second_thread() -> None:
    code = (
        "import threading\nsignals.install()\n"
        "print([each.name for each in threading.enumerate()].count('cekura-kit-signals'))\nsend(signal.SIGINT)"
    )
    assert ended(code) == (130, "1\n")
