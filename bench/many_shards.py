"""10,000 runs in 20 shards under LiveKit Cloud's limit of requests, in simulated time.

    python -m bench.many_shards [RUNS [SHARDS [CONCURRENCY [SECONDS]]]]

Each shard is a whole `SuiteRun` with the hosted services' intervals and its part of the project's budget. LiveKit and
Cekura are stand-ins (`bench.crowd`) that answer the real requests. All are in one event loop, whose clock jumps to the
next timer when nobody has anything to do: hours pass in minutes, and a second of it is a second to every part.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import selectors
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import SecretStr

from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.cekura.steps import Step
from cekura_agent_kit.trigger.plan.shards import shard_of
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.trigger.suite_run import SuiteRun
from cekura_agent_kit.trigger.timing import Timing
from cekura_agent_kit.verdict import Shard, SuiteVerdict

from .crowd import LAST_WORDS, LiveKitService, SilentChannel
from .suites import write_yaml

RUNS, SHARDS, CONCURRENCY, TALK = 10_000, 20, 5, 60.0
REPEATED = 10
LIMIT, WINDOW = 1000, 60.0
"""LiveKit Cloud's: requests of a project, and the seconds in which they are counted."""
REPORTED = 60.0
"""Seconds of real time between two lines that say how far it is."""


class SimulatedSelector(selectors.DefaultSelector):
    """Selector that does not wait for a timer, but sets its own clock to it.

    Attributes:
        now: seconds of simulated time.
    """

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; where nothing is, let the time pass."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            # Nothing but a thread can have news.
            return super().select(0.05)
        self.now += max(timeout, 0.0)
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Event loop in simulated time."""

    def __init__(self) -> None:
        self._simulated = SimulatedSelector()
        super().__init__(self._simulated)

    def time(self) -> float:
        """Return the simulated time, in seconds."""
        return self._simulated.now


class CountingLiveKit(LiveKitService):
    """The stand-in, with the time of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def make_app(self) -> web.Application:
        """Return the app; each request is counted before it is answered."""
        app = super().make_app()
        app.middlewares.append(self._count)
        return app

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.times.append(asyncio.get_running_loop().time())
        return await handler(request)


def most_in_window(times: Iterable[float], window: float = WINDOW) -> int:
    """Return the largest number of times in any half-open window of so many seconds. Times are in order."""
    most, inside = 0, deque[float]()
    for each in times:
        inside.append(each)
        while inside[0] <= each - window:
            inside.popleft()
        most = max(most, len(inside))
    return most


async def simulate(runs: int, shards: int, concurrency: int, talk: float, folder: Path) -> int:
    """Run all shards at the same time; print the figures; return 0 where the limit held and every run passed."""
    scenarios = runs // REPEATED
    words = Scenario(name="Says nothing", talk=(Step(hear=LAST_WORDS),), patience=talk + 60)
    livekit = CountingLiveKit()
    channel = partial(SilentChannel, livekit, talk)
    numbered = dict.fromkeys(range(1, scenarios + 1), words)
    async with livekit, CekuraService(numbered, make_voice_channel=channel) as cekura:
        suite = Suite.load(
            write_yaml(
                folder / "cekura.yaml",
                {
                    "agent_name": "bench",
                    "concurrency": concurrency,
                    "witnesses": 0,
                    "mode": "voice",
                    "runs": [{"scenario": each, "repeat": REPEATED} for each in numbered],
                },
            )
        )
        here = _settings(f"ws://127.0.0.1:{livekit.port}", cekura.url, cekura.api_key)
        hosted = _settings("wss://bench.livekit.cloud", "https://api.cekura.ai", cekura.api_key)
        timing, plan = Timing.of(hosted, shards=shards), suite.plan()
        print(f"{len(plan)} runs, {shards} shards of {timing.livekit_requests:g} requests a second each", flush=True)
        began, wall = time.monotonic(), time.perf_counter()
        parts = [
            SuiteRun(
                suite,
                settings=here,
                plan=shard_of(plan, index, shards),
                timing=timing,
                shard=Shard(index=index, of=shards),
                environment={},
                log_folder=folder,
            )
            for index in range(1, shards + 1)
        ]
        progress = asyncio.create_task(_report(livekit, cekura))
        verdicts = await asyncio.gather(*(part.run() for part in parts))
        progress.cancel()
        took = time.monotonic() - began
        print(
            f"simulated: {took / 3600:.2f} h, in {time.perf_counter() - wall:.0f} s and {time.process_time():.0f} s CPU"
        )
        return _print(livekit, cekura, verdicts, took)


def _settings(livekit: str, cekura: str, key: str) -> Settings:
    return Settings(
        cekura_api_key=SecretStr(key),
        cekura_api_url=cekura,
        livekit_url=livekit,
        livekit_api_key=SecretStr("bench"),
        livekit_api_secret=SecretStr(secrets.token_hex(24)),
    )


async def _report(livekit: CountingLiveKit, cekura: CekuraService) -> None:
    reported = time.perf_counter()
    while True:
        await asyncio.sleep(1)
        if time.perf_counter() - reported >= REPORTED:
            reported = time.perf_counter()
            now, most = asyncio.get_running_loop().time(), most_in_window(livekit.times)
            ended = sum(run.final for run in cekura.runs.values())
            print(
                f"  {now:.0f} s: {len(cekura.runs)} runs started, {ended} over, {len(livekit.times)} requests, at most "
                f"{most} in {WINDOW:g} s",
                flush=True,
            )


def _print(livekit: CountingLiveKit, cekura: CekuraService, verdicts: list[SuiteVerdict], took: float) -> int:
    runs = [run for verdict in verdicts for run in verdict.runs]
    outcomes = Counter(str(run.outcome.value) for run in runs)
    kinds = Counter(f"{run.kind.value if run.kind else '-'}: {run.reason}" for run in runs if run.outcome != "passed")
    most, requests = most_in_window(livekit.times), len(livekit.times)
    print(f"requests to LiveKit: {requests}, {requests / len(runs):.1f} a run, {requests / took:.2f} a second")
    print(f"  by method: {json.dumps(livekit.requests)}")
    print(f"most in any {WINDOW:g} s: {most}; LiveKit Cloud's limit: {LIMIT}")
    print(f"requests to Cekura: {json.dumps(cekura.requests)}, {sum(cekura.requests.values()) / took:.2f} a second")
    print(f"runs: {json.dumps(outcomes)}, {len(runs) / took * 3600:.0f} an hour; rooms left: {len(livekit.rooms)}")
    for kind, count in kinds.most_common(5):
        print(f"  {count} {kind}")
    return 0 if most <= LIMIT and outcomes == {"passed": len(runs)} and not livekit.rooms else 1


def main() -> int:
    """Run the simulation."""
    parser = argparse.ArgumentParser(prog="python -m bench.many_shards", description=__doc__)
    parser.add_argument("runs", nargs="?", type=int, default=RUNS)
    parser.add_argument("shards", nargs="?", type=int, default=SHARDS)
    parser.add_argument("concurrency", nargs="?", type=int, default=CONCURRENCY, help="runs at a time in each shard")
    parser.add_argument("seconds", nargs="?", type=float, default=TALK, help="length of each conversation")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        loop = runner.get_loop()
        start = time.time()
        # Every part reads one of these two, and must not see real time beside the loop's.
        time.monotonic = loop.time
        time.time = lambda: start + loop.time()
        return runner.run(simulate(given.runs, given.shards, given.concurrency, given.seconds, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
