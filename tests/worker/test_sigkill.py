"""SIGKILL of a command: no process is left after 10 s, and no file with a key. ``REPEAT=10`` makes each test ten."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import pytest

from cekura_agent_kit.sandbox import Sandbox
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from tests.faults.command import Command, command
from tests.faults.secrecy import Outputs
from tests.trigger.bench import AGENT, ROOT

TIMES = range(int(os.environ.get("REPEAT", "1")))

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("trigger")]

LIMIT = 10.0
KEYS = re.compile(r"^keys: \{\w+: (\w+)\}$", re.MULTILINE)
SCENARIOS = "1: {name: Waits, patience: 60s, talk: [{hear: this is never said}]}\n"
SUITE = f"worker: python {AGENT} start\nmode: text\nruns: [{{scenario: 1}}]\n"


@pytest.fixture(params=TIMES)
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scenarios.yaml").write_text(SCENARIOS)
    (tmp_path / "cekura.yaml").write_text(SUITE)
    return tmp_path


async def kill_and_check(running: Command) -> set[str]:
    """Return the secrets of the servers that ran; none of them is in a file any more."""
    secrets = {secret for file in running.temporary.rglob("livekit.yaml") for secret in KEYS.findall(file.read_text())}
    os.kill(running.process.pid, signal.SIGKILL)
    began = time.monotonic()
    # Other processes set no event.
    while (left := running.command_lines()) and time.monotonic() - began < LIMIT:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    assert left == []
    files = [file for file in running.temporary.rglob("*") if file.is_file()]
    assert [file for file in files if any(secret in file.read_text(errors="replace") for secret in secrets)] == []
    return secrets


def serves(running: Command, *programs: str) -> bool:
    lines = running.command_lines()
    return all(any(program in line for line in lines) for program in programs)


async def test_run(livekit_server: LiveKitServer, folder: Path) -> None:
    async with command("run", "--sandbox", "--follow", environment={}, folder=folder, outputs=Outputs()) as running:
        await running.until(lambda: "Welcome to the test" in running.printed)
        assert serves(running, "--config", "agent.py", "forkserver")
        assert await kill_and_check(running)


async def test_run_while_its_worker_starts(livekit_server: LiveKitServer, folder: Path) -> None:
    async with command("run", "--sandbox", environment={}, folder=folder, outputs=Outputs()) as running:
        await running.until(lambda: serves(running, "--config", "agent.py"))
        await kill_and_check(running)


async def test_sandbox(livekit_server: LiveKitServer, folder: Path) -> None:
    async with command("sandbox", environment={}, folder=folder, outputs=Outputs()) as running:
        await running.until(lambda: "The sandbox is up" in running.printed)
        assert serves(running, "--config")
        assert await kill_and_check(running)


async def test_the_sandboxs_recognizer(livekit_server: LiveKitServer, folder: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="voice in the sandbox needs the extra")
    (folder / "cekura.yaml").write_text(SUITE.replace("text", "voice"))
    async with command("run", "--sandbox", environment={}, folder=folder, outputs=Outputs()) as running:
        await running.until(lambda: serves(running, "channels.recognizer"))
        await kill_and_check(running)


async def test_doctor(folder: Path) -> None:
    async with Sandbox(folder / "scenarios.yaml", say=lambda _: None) as sandbox:
        environment = sandbox.environment | {"PYTHONPATH": str(ROOT)}
        async with command("doctor", environment=environment, folder=folder, outputs=Outputs()) as running:
            await running.until(lambda: "the worker registered" in running.printed)
            assert serves(running, "agent.py", "forkserver")
            await kill_and_check(running)
