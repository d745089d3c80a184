"""A worker whose agents go wrong as they are told, and suites of them against a stand-in that goes wrong, too."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.progress import Event
from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.service import LiveKit
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.trigger.suite_run import SuiteRun
from cekura_agent_kit.trigger.timing import Timing
from cekura_agent_kit.verdict import SuiteVerdict

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "tests/trigger/agent.py"
COMMAND = f"{sys.executable} {AGENT} dev --no-reload"

HELLO, BOOKING, MORE, LONG, SLOW, CRASH = 1, 2, 3, 4, 5, 6
SCENARIOS = {
    HELLO: Scenario.model_validate(
        {
            "name": "Says hello",
            "talk": [{"hear": "welcome"}, {"say": "hello", "hear": "said: hello"}],
            "profile": {"main_agent_variables": {"name": "Zoë"}, "testing_agent_variables": {"for": "the evaluator"}},
        }
    ),
    BOOKING: Scenario.model_validate(
        {"name": "Books", "talk": [{"say": "a table", "hear": "is booked"}], "outcome": "A table is booked."}
    ),
    MORE: Scenario.model_validate(
        {"name": "Wants more", "talk": [{"say": "hello", "hear": "this is never said"}], "patience": "1s"}
    ),
    LONG: Scenario.model_validate(
        {"name": "Talks long", "talk": [{"say": "hello"}, {"hear": "this is never said"}], "patience": "60s"}
    ),
    SLOW: Scenario.model_validate(
        {"name": "Is answered slowly", "talk": [{"hear": "welcome"}, {"say": "slowly, please", "hear": "said: slowly"}]}
    ),
    CRASH: Scenario.model_validate(
        {"name": "Kills its process", "talk": [{"say": "crash", "hear": "this is never said"}], "patience": "60s"}
    ),
}


@contextmanager
def held(context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """An asynchronous context held open in a loop and thread of its own, for tests that each have their own loop."""
    ready, leave = threading.Event(), threading.Event()
    result: list[T | Exception] = []

    async def hold() -> None:
        try:
            async with context as value:
                result.append(value)
                ready.set()
                await asyncio.to_thread(leave.wait)
        except Exception as error:  # noqa: BLE001 - raised again in the test's thread
            result.append(error)
            ready.set()

    thread = threading.Thread(target=asyncio.run, args=(hold(),), daemon=True)
    thread.start()
    ready.wait()
    try:
        if isinstance(result[0], Exception):
            raise result[0]
        yield result[0]
    finally:
        leave.set()
        thread.join(60)


def worker_environment(server: LiveKitServer, **more: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("CEKURA_", "LIVEKIT_"))}
    return own | server.environment | {"PYTHONPATH": str(ROOT)} | more


def _kept_logs(verdict: SuiteVerdict) -> dict[str, str]:
    return {run.case: Path(run.worker_log).read_text() for run in verdict.runs if run.worker_log}


@dataclass
class Outcome:
    """Verdict of a suite, and what it left behind."""

    verdict: SuiteVerdict
    events: list[Event]
    service: CekuraService
    rooms: list[str]
    logs: dict[str, str]
    """Text of the log that is kept for each case that did not pass."""

    @property
    def kinds(self) -> list[str]:
        return [run.kind or run.outcome.value for run in self.verdict.runs]

    @property
    def reasons(self) -> str:
        return "\n".join(run.reason for run in self.verdict.runs)

    @property
    def started(self) -> int:
        return len(self.service.runs)


@dataclass
class Bench:
    """Runs suites of the test agent against a stand-in of their own."""

    server: LiveKitServer
    agent_name: str
    timing: dict[str, float] = field(default_factory=dict)

    def suite(self, *runs: int | dict[str, Any], behave: str = "talk", **keys: Any) -> Suite:
        entries = [{"scenario": run} if isinstance(run, int) else run for run in runs]
        values = {
            "mode": "text",
            "agent_name": self.agent_name,
            "timeout": "60s",
            "agent_timeout": "60s",
            "metadata": {"behave": behave},
        }
        return Suite.model_validate(values | {"runs": entries} | keys)

    def settings(self, service: CekuraService, **more: str) -> Settings:
        environment = self.server.environment | service.environment
        return Settings.model_validate({key.lower(): value for key, value in environment.items()} | more)

    def timing_for(self, settings: Settings) -> Timing:
        return replace(Timing.of(settings), **self.timing)

    async def run(self, suite: Suite, *, faults: Faults | None = None, **more: Any) -> Outcome:
        async with CekuraService(SCENARIOS, faults=faults) as service:
            return await self.run_on(service, suite, **more)

    async def run_on(self, service: CekuraService, suite: Suite, **more: Any) -> Outcome:
        settings = self.settings(service)
        events: list[Event] = []
        given: dict[str, Any] = {"timing": self.timing_for(settings), "on_event": events.append} | more
        with tempfile.TemporaryDirectory() as folder:
            verdict = await SuiteRun(suite, settings=settings, log_folder=Path(folder) / "logs", **given).run()
            logs = _kept_logs(verdict)
        return Outcome(verdict, events, service, await self.rooms_of(verdict.suite_id, settings), logs)

    async def rooms_of(self, suite_id: str, settings: Settings) -> list[str]:
        async with LiveKit(settings, Budget(100)) as livekit:
            return [room.name for room in await livekit.rooms() if suite_id in room.metadata]
