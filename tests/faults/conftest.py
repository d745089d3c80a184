"""One livekit-server and one worker for all tests of a process; whatever a test lets out is searched for secrets."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from tests.faults.scene import Scene, SceneOf, Worker, scene_of
from tests.faults.secrecy import Outputs


@pytest.fixture(autouse=True)
def outputs(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Outputs]:
    """Law 8 for each test: no secret in what it printed, logged at any level, or wrote."""
    outputs = Outputs()
    handler = logging.StreamHandler(outputs.log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield outputs
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    printed = capfd.readouterr()
    outputs.add("log", outputs.log.getvalue())
    outputs.add("stdout", printed.out)
    outputs.add("stderr", printed.err)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            outputs.add(file.name, file.read_text(errors="replace"))
    assert outputs.leaks() == []


@pytest.fixture(scope="session")
def worker(livekit_server: LiveKitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(livekit_server, tmp_path_factory.mktemp("worker"))
    try:
        worker.wait_until_registered()
        yield worker
    finally:
        worker.stop()


@pytest.fixture
def scene_with(livekit_server: LiveKitServer, worker: Worker, outputs: Outputs, tmp_path: Path) -> SceneOf:
    """``async with scene_with(faults=…) as scene``."""
    return partial(scene_of, livekit_server, worker, outputs, tmp_path)


@pytest.fixture
async def scene(scene_with: SceneOf) -> AsyncIterator[Scene]:
    """A scene in which Cekura is as documented."""
    async with scene_with() as scene:
        yield scene
