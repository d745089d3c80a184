"""Real parts for the tests: a livekit-server for each test process, on free ports."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from cekura_agent_kit.errors import SandboxError
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from tests.agent.workers import Worker

pytest_plugins = ["pytester", "tests.description.plugin"]


def pytest_configure() -> None:
    """Give what the tests start the usual signals, however the tests themselves were started.

    A shell starts a background command with SIGINT ignored, and ``nohup`` ignores SIGHUP; both are inherited. A handler
    that does nothing still ignores the signal here, and is not inherited.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


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
