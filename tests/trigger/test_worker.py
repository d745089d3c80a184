"""The suite's worker: its name, its log, its end; real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cekura_agent_kit.errors import WorkerError
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.settings.redaction import Redaction
from cekura_agent_kit.trigger.worker.worker import Worker
from tests.trigger.bench import AGENT, HELLO, ROOT, Bench, worker_environment

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("trigger")]


def worker(server: LiveKitServer, command: str, **environment: str) -> Worker:
    return Worker(command, folder=ROOT, environment=worker_environment(server, **environment), agent_name="mine")


def group_of(pid: int) -> list[int]:
    """The processes of the worker's session that are no zombies."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getsid(process.pid) == pid and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, PermissionError):
            continue
    return found


@pytest.mark.parametrize("how", ["dev --no-reload", "start"])
async def test_it_serves_under_its_own_name_and_leaves_no_process(livekit_server: LiveKitServer, how: str) -> None:
    async with worker(livekit_server, f"python {AGENT} {how}") as mine:
        assert mine.agent_name.startswith("mine-")
        pid = mine.pid
        assert pid is not None
        outcome = await Bench(livekit_server, mine.agent_name).run(
            Bench(livekit_server, mine.agent_name).suite(HELLO, agent_timeout="60s")
        )
        assert outcome.kinds == ["passed"], outcome.reasons
        assert group_of(pid)

    assert group_of(pid) == []
    assert mine.log() == ""


@pytest.mark.parametrize(
    ("command", "environment", "said", "hint"),
    [
        (f"python {AGENT} dev --no-reload", {"AGENT_FAILS": "import"}, "No module named", "install the missing module"),
        (f"python {AGENT} dev --no-reload", {"AGENT_FAILS": "exit"}, "it will not start", "read its log"),
        ("python no-such-agent.py start", {}, "ended with exit code 2", "check its paths"),
        (f"python {AGENT} serve", {}, "No such command", "check the command"),
        ("no-such-program start", {}, "cannot be started in", "without a shell"),
        ("python 'agent.py", {}, "cannot be split", "check its quotes"),
    ],
)
async def test_one_that_does_not_start_says_why(
    livekit_server: LiveKitServer, command: str, environment: dict[str, str], said: str, hint: str
) -> None:
    with pytest.raises(WorkerError) as raised:
        async with worker(livekit_server, command, **environment):
            pytest.fail("it started")

    assert said in str(raised.value)
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("cores", "own", "told"),
    [(2, {}, "cores told: 4"), (16, {}, "cores told: none"), (2, {"NUM_CPUS": "3"}, "cores told: 3")],
)
async def test_a_small_machines_full_load_is_not_the_workers(
    livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch, cores: int, own: dict[str, str], told: str
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    command = 'python -c \'import os; print("cores told:", os.environ.get("NUM_CPUS", "none"))\''
    with pytest.raises(WorkerError) as raised:
        async with worker(livekit_server, command, **own):
            pytest.fail("it started")

    assert told in str(raised.value)


async def test_a_port_that_is_taken_is_named(livekit_server: LiveKitServer) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        with pytest.raises(WorkerError) as raised:
            async with worker(livekit_server, f"python {AGENT} start", AGENT_PORT=str(taken.getsockname()[1])):
                pytest.fail("it started")

    assert "its health port is in use" in raised.value.hint


async def test_a_wrong_key_is_named(livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cekura_agent_kit.trigger.worker.worker._START_TIMEOUT", 20.0)
    environment = {"LIVEKIT_API_SECRET": "a-secret-that-is-wrong-and-long-enough", "AGENT_EXECUTOR": "THREAD"}
    with pytest.raises(WorkerError) as raised:
        async with worker(livekit_server, f"python {AGENT} dev --no-reload", **environment):
            pytest.fail("it registered")

    assert "check LIVEKIT_API_KEY and LIVEKIT_API_SECRET" in raised.value.hint


async def test_one_that_registers_under_another_name_is_refused(livekit_server: LiveKitServer, tmp_path: Path) -> None:
    script = tmp_path / "other.py"
    script.write_text(
        'import time; print(\'{"message": "registered worker", "agent_name": "other"}\', flush=True); time.sleep(60)'
    )
    with pytest.raises(WorkerError, match="registered as 'other', not as 'mine-"):
        async with worker(livekit_server, f"python {script}"):
            pytest.fail("it was taken")


async def test_one_that_ignores_sigterm_is_killed_with_its_children(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    script = tmp_path / "stubborn.py"
    script.write_text(
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.fork()\n"
        "print('registered worker', flush=True)\n"
        "time.sleep(60)\n"
    )
    async with worker(livekit_server, f"python {script}") as stubborn:
        pid = stubborn.pid
        assert pid is not None
        await stubborn.stop(within=0.5)

    assert group_of(pid) == []


async def test_its_death_is_told_with_its_signal_and_its_log(livekit_server: LiveKitServer, tmp_path: Path) -> None:
    script = tmp_path / "short.py"
    script.write_text("import time; print('registered worker', flush=True); time.sleep(60)")
    async with worker(livekit_server, f"python {script}") as mine:
        assert mine.pid is not None
        os.kill(mine.pid, signal.SIGKILL)
        await asyncio.wait_for(mine.died.wait(), 10)

        assert "ended with SIGKILL" in str(mine.failure())


async def test_its_log_is_shown_and_kept_without_secrets(livekit_server: LiveKitServer, tmp_path: Path) -> None:
    script = tmp_path / "loud.py"
    script.write_text("import os; print('\\033[31mkey', os.environ['LIVEKIT_API_SECRET'], flush=True); os._exit(3)")
    loud = Worker(
        f"python {script}",
        folder=tmp_path,
        environment=worker_environment(livekit_server),
        redaction=Redaction([livekit_server.api_secret]),
    )
    with pytest.raises(WorkerError) as raised:
        async with loud:
            pytest.fail("it started")

    assert "key [hidden]" in str(raised.value)
    assert livekit_server.api_secret not in str(raised.value)
    assert loud.log() == ""


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before and p.status() != "zombie"]
        if not left:
            return
        time.sleep(0.05)
    pytest.fail(f"left: {[process.cmdline() for process in left]} under {sys.executable}")
