"""One suite against real parts, with whatever goes wrong: a stand-in for Cekura's API, a livekit-server, a worker."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from livekit import api
from pydantic import SecretStr

from cekura_agent_kit.report import html, junit, markdown
from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.runs import SandboxRun
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.progress import Event, Stage
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.trigger.suite_run import SuiteRun
from cekura_agent_kit.trigger.timing import Timing
from cekura_agent_kit.verdict import SuiteVerdict
from tests.command_lines import command_line
from tests.faults.agent import BOOK, PROCESSES
from tests.faults.secrecy import Outputs

ROOT = Path(__file__).parents[2]


def scenario(*talk: Mapping[str, str], patience: float = 30) -> Scenario:
    return Scenario.model_validate({"name": "A talk", "talk": talk, "patience": patience})


SCENARIOS = {
    number: scenario({"hear": "welcome"}, {"say": f"number {number}", "hear": f"you said number {number}"})
    for number in (30, 31, 32)
} | {
    40: scenario({"say": "wait for it", "hear": "i am back"}, patience=60),
    41: scenario({"say": "hello", "hear": "what nobody says"}, patience=120),
    42: scenario({"say": "hello", "hear": "what nobody says"}, patience=1),
    43: scenario({"say": "hello", "hear": "what nobody says"}, patience=4),
    44: scenario({"say": "call crash", "hear": "what nobody says"}, patience=3),
    45: scenario({"say": "wait for it", "hear": "i am back"}, patience=60),
    46: scenario({"say": "call hang_up", "hear": "what nobody says"}, patience=3),
}
"""30 to 32 pass; 40 and 45 pass when the agent was told to speak; 41 goes on and on; 42 and 43 fail; the agent dies in
44 and hangs up in 46."""


class Worker:
    """A worker of `tests.faults.agent`, registered, until it is stopped."""

    def __init__(self, server: LiveKitServer, folder: Path, *, processes: bool = False) -> None:
        self.server = server
        self.agent_name = f"faults-{secrets.token_hex(4)}"
        self.log_file = folder / f"{self.agent_name}.log"
        self._jobs = folder / f"{self.agent_name}.jobs"
        environment = {
            **os.environ,
            **server.environment,
            "LIVEKIT_AGENT_NAME_OVERRIDE": self.agent_name,
            "PYTHONPATH": str(ROOT),
            BOOK: str(self._jobs),
            PROCESSES: "1" if processes else "",
        }
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.agent", "start"],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_registered(self, times: int = 1) -> None:
        deadline = time.monotonic() + 90
        while self.log.count("registered worker") < times:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def jobs(self) -> dict[str, int]:
        """The room of each of its jobs, and the process that it runs in."""
        lines = self._jobs.read_text().splitlines() if self._jobs.exists() else []
        return {room: int(pid) for pid, room in map(str.split, lines)}

    def kill(self) -> None:
        """As the system does when memory is short: the worker alone, and at once."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        # It would drain for as long as an entrypoint hangs, and here some do.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Scene:
    """The parts of one test, and what came of it.

    Attributes:
        settings: of the trigger; an injection may put something between.
        listeners: called with each event.
        foreign: number of starts that were another job's.
        environment: further variables of the suite's own worker.
    """

    livekit: LiveKitServer
    worker: Worker
    service: CekuraService
    settings: Settings
    outputs: Outputs
    folder: Path
    listeners: list[Callable[[Event], None]] = field(default_factory=list)
    foreign: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    suite_run: SuiteRun | None = None

    def __post_init__(self) -> None:
        self._jobs_before = len(self.worker.jobs)

    @property
    def jobs(self) -> int:
        """Number of jobs that the worker has received in this test."""
        return len(self.worker.jobs) - self._jobs_before

    def redirect(self, **urls: str | SecretStr) -> None:
        """Have the trigger dial other addresses."""
        self.settings = self.settings.model_copy(update=urls)

    def said(self, words: str, *, runs: int = 1) -> bool:
        """Return True if the evaluators of so many runs have heard it."""
        texts = [" ".join(each.text for each in run.transcript) for run in self.service.runs.values()]
        return sum(words in text for text in texts) >= runs

    def suite(self, *runs: Mapping[str, Any], **keys: Any) -> Suite:
        values: dict[str, Any] = {"name": "faults", "agent_name": self.worker.agent_name, "mode": "text"}
        values |= {"agent_timeout": "45s", "timeout": "90s"} | keys
        return Suite.model_validate(values | {"runs": [dict(run) for run in runs] or [{"scenario": 30}]})

    async def run(
        self, suite: Suite, *, timing: Mapping[str, Any] | None = None, fail_fast: bool = False
    ) -> SuiteVerdict:
        """Run it to its verdict, which is also written as each kind of report."""
        usual = Timing.of(self.settings)
        self.suite_run = SuiteRun(
            suite,
            settings=self.settings,
            on_event=self._on_event,
            timing=replace(usual, **(timing or {})),
            fail_fast=fail_fast,
            environment={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
            log_folder=self.folder / "kept.logs",
        )
        verdict = await self.suite_run.run()
        for name, text in {
            "report.json": verdict.to_json(),
            "report.xml": junit.render(verdict),
            "report.md": markdown.render(verdict),
            "report.html": html.render(verdict),
        }.items():
            self.outputs.add(name, text)
        for log in (self.folder / "kept.logs").glob("*.log"):
            self.outputs.add(f"kept log {log.name}", log.read_text())
        return verdict

    async def rooms(self, verdict: SuiteVerdict) -> list[str]:
        """The rooms of this suite that stand."""
        made = {run.room for run in verdict.runs if run.room}
        return [room for room in await rooms_of(self.livekit) if room in made]

    def _on_event(self, event: Event) -> None:
        self.outputs.add("event", repr(event))
        if isinstance(event, Stage) and event.stage in ("agent_ready", "evaluator_joined"):
            self.outputs.add("process list", processes())
        for listener in self.listeners:
            listener(event)


async def rooms_of(livekit: LiveKitServer) -> list[str]:
    """All rooms that stand on the server."""
    async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as lkapi:
        return [room.name for room in (await lkapi.room.list_rooms(api.ListRoomsRequest())).rooms]


def room_of(run: SandboxRun) -> str:
    """The room into which the trigger asked a run's evaluator."""
    grants = api.TokenVerifier("", "").verify(run.invitation.token, verify_signature=False).video
    assert grants is not None
    return grants.room


def processes() -> str:
    """The command lines of this process's children, as `ps` shows them to everybody."""
    return "\n".join(" ".join(command_line(child)) for child in psutil.Process().children(recursive=True))


def settings_for(livekit: LiveKitServer, service: CekuraService) -> Settings:
    return Settings(
        cekura_api_key=SecretStr(service.api_key),
        cekura_api_url=service.url,
        livekit_url=livekit.url,
        livekit_api_key=SecretStr(livekit.api_key),
        livekit_api_secret=SecretStr(livekit.api_secret),
    )


@asynccontextmanager
async def scene_of(
    livekit: LiveKitServer, worker: Worker, outputs: Outputs, folder: Path, *, faults: Faults | None = None
) -> AsyncIterator[Scene]:
    """A stand-in of its own, beside the server and the worker that tests share."""
    async with CekuraService(SCENARIOS, faults=faults) as service:
        outputs.secrets |= {service.api_key, livekit.api_key, livekit.api_secret}
        yield Scene(livekit, worker, service, settings_for(livekit, service), outputs, folder)


SceneOf = Callable[..., AbstractAsyncContextManager[Scene]]
"""Type of the fixture `scene_with`."""
