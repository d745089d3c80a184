"""The agent that serves the tests of a session, and suites of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.worker.worker import Worker

from .bench import COMMAND, ROOT, Bench, held, worker_environment


@pytest.fixture(scope="session")
def agent_name(livekit_server: LiveKitServer) -> Iterator[str]:
    """The name of an agent that is served for the whole session, by threads of one worker."""
    environment = worker_environment(livekit_server, AGENT_EXECUTOR="THREAD", AGENT_IDLE="4")
    with held(Worker(COMMAND, folder=ROOT, environment=environment, agent_name="tests")) as worker:
        yield worker.agent_name


@pytest.fixture
def bench(livekit_server: LiveKitServer, agent_name: str) -> Bench:
    return Bench(livekit_server, agent_name)
