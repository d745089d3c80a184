"""Real parts for the tests: a livekit-server for each test process, on free ports."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from cekura_agent_kit.errors import SandboxError
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from tests.agent.workers import Worker
from tests.usual_signals import take_usual_signals

pytest_plugins = ["pytester", "tests.description.plugin"]


def pytest_configure() -> None:
    take_usual_signals()


@pytest.fixture(scope="session")
def livekit_server() -> Iterator[LiveKitServer]:
    """A running server that the tests of one process share; each test makes rooms of its own."""
    try:
        server = asyncio.run(LiveKitServer.running())
    except SandboxError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def worker(livekit_server: LiveKitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker that serves every shape and probe of tests/shapes."""
    worker = Worker("tests.shapes.worker", livekit_server, tmp_path_factory.mktemp("worker"))
    try:
        worker.wait_until_registered()
        yield worker
    finally:
        worker.stop()
