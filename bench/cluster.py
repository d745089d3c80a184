"""Two livekit-servers over one Redis, workers on each, and suites run through both; then one node is killed.

    python -m bench.cluster [RUNS]

Prints which node had each run's room, and which worker its job. Needs `redis-server`. Exit code 0 where the suite on
two nodes passes wholly and, after a node's death, everything that was not on that node passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cekura_agent_kit.cli import signals
from cekura_agent_kit.cli.stdio import protect
from cekura_agent_kit.guarded import GuardedProcess
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.sandbox.models.service import ModelsService
from cekura_agent_kit.sandbox.server_binary import find_binary

from .balancer import Balancer
from .suites import EXAMPLE, write_suite, write_yaml

RUNS, TURNS = 12, 8
AGENT_NAME = "restaurant"
WORKERS = 2
"""Workers on each node, all under one agent name."""
AT_ONCE = 3
"""Runs at a time in each shard: what two cores carry."""
START = 60.0
"""Seconds for a worker or Redis to start; far more than it takes."""
LOOK = 0.1
"""Seconds between two looks at Redis."""
NO_REDIS = (
    "redis-server is not on PATH: install it (Debian: `apt-get install redis-server`; macOS: `brew install redis`)"
)
KIT = str(Path(sys.executable).with_name("cekura-kit"))


@dataclass
class Cluster:
    """What is running. ``placed``: node's letter by room, as Redis had it first; ``moved``: as it had it last."""

    redis: int
    nodes: dict[str, LiveKitServer]
    environment: dict[str, str]
    balancer: Balancer
    workers: dict[str, Path] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)

    def worker_of(self, room: str) -> str:
        """Return the name of the worker that got the room's job, by the workers' logs; empty if none did."""
        return worker_of(room, {name: log.read_text(errors="replace") for name, log in self.workers.items()})

    async def watch(self) -> None:
        """Note where rooms are, until cancelled."""
        names: dict[str, str] = {}
        while True:
            for letter, node in self.nodes.items():
                for found in node_ids(node.log):
                    names[found] = letter
            for room, node_id in (await ask_redis(self.redis, "HGETALL", "room_node_map")).items():
                self.placed.setdefault(room, names.get(node_id, node_id))
                self.moved[room] = names.get(node_id, node_id)
            await asyncio.sleep(LOOK)


def node_ids(log: str) -> list[str]:
    """Return the ids that a livekit-server gave itself, by its log."""
    return re.findall(r'"nodeID": ?"(ND_\w+)"', log)


def worker_of(room: str, logs: dict[str, str]) -> str:
    """Return the worker in whose log the room's job stands."""
    return next((name for name, log in logs.items() if f'"{room}"' in log or f" {room}" in log), "")


async def ask_redis(port: int, *words: str) -> dict[str, str]:
    """Return the fields of a hash: RESP, as far as one command needs it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        writer.write(f"*{len(words)}\r\n{''.join(parts)}".encode())
        await writer.drain()
        found: list[str] = []
        for _ in range(int((await reader.readline())[1:])):
            length = int((await reader.readline())[1:])
            found.append((await reader.readexactly(length + 2))[:-2].decode())
        return dict(zip(found[::2], found[1::2], strict=True))
    finally:
        writer.close()


@asynccontextmanager
async def _process(words: Sequence[str], log: Path, environment: dict[str, str]) -> AsyncIterator[GuardedProcess]:
    process = GuardedProcess(words, log=log, folder=EXAMPLE, environment=environment)
    try:
        yield process
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 15)
        await asyncio.to_thread(process.kill)


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {START:g} s")
        await asyncio.sleep(LOOK)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Start Redis, two nodes, the stand-ins and the workers; stop all of them at the end, whatever happens."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit(NO_REDIS)
    async with AsyncExitStack() as parts:
        port, log = _free_port(), folder / "redis.log"
        # In memory alone, on loopback alone.
        redis = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        await parts.enter_async_context(_process(redis, log, dict(os.environ)))
        await _until(lambda: log.exists() and "Ready to accept" in log.read_text(), "redis-server")
        binary = await asyncio.to_thread(find_binary, print)
        nodes = {letter: LiveKitServer(binary, redis=f"127.0.0.1:{port}") for letter in "AB"}
        nodes["B"].api_key, nodes["B"].api_secret = nodes["A"].api_key, nodes["A"].api_secret
        for letter, node in nodes.items():
            await parts.enter_async_context(node)
            print(f"node {letter}: {node.url}, {', '.join(sorted(set(node_ids(node.log))))}", flush=True)
        balancer = await parts.enter_async_context(Balancer([node.port for node in nodes.values()]))
        models = await parts.enter_async_context(ModelsService(folder / "cekura.models.yaml"))
        cekura = await parts.enter_async_context(CekuraService(load_scenarios(folder / "cekura.scenarios.yaml")))
        environment = dict(os.environ) | models.environment | cekura.environment
        found = Cluster(port, nodes, environment, balancer)
        for letter, node in nodes.items():
            # A node's workers, which go to the other one when theirs is dead, as behind any load balancer.
            ports = [node.port, *(other.port for other in nodes.values() if other is not node)]
            near = await parts.enter_async_context(Balancer(ports, in_turn=False))
            for number in range(1, WORKERS + 1):
                name, log = f"{letter}{number}", folder / f"worker-{letter}{number}.log"
                variables = environment | node.environment
                variables |= {"LIVEKIT_URL": near.url, "LIVEKIT_AGENT_NAME_OVERRIDE": AGENT_NAME}
                words = [KIT, "worker", str(EXAMPLE / "agent.py"), "--idle", "1"]
                await parts.enter_async_context(_process(words, log, variables))
                found.workers[name] = log
        for name, log in found.workers.items():
            await _until(lambda log=log: "registered worker" in log.read_text(), f"worker {name}")  # type: ignore[misc]
        print(f"workers under the one name {AGENT_NAME!r}: {', '.join(found.workers)}", flush=True)
        watching = asyncio.create_task(found.watch())
        try:
            yield found
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def run_shards(cluster: Cluster, suite: Path, urls: Sequence[str], name: str) -> dict[str, Any]:
    """Run a suite as `cekura-kit run` in as many shards as there are URLs; merge them by `cekura-kit report`."""
    reports = [suite.with_name(f"{name}-{number}.json") for number in range(1, len(urls) + 1)]
    node = cluster.nodes["A"].environment
    shards = []
    for number, (url, report) in enumerate(zip(urls, reports, strict=True), 1):
        words = [KIT, "run", str(suite), "--shard", f"{number}/{len(urls)}", "--json", str(report)]
        variables = cluster.environment | node | {"LIVEKIT_URL": url}
        shards.append((words, report.with_suffix(".log"), variables))
        print(f"$ LIVEKIT_URL={url} cekura-kit {' '.join(words[1:])}", flush=True)
    async with AsyncExitStack() as parts:
        running = [await parts.enter_async_context(_process(*each)) for each in shards]
        while any(process.poll() is None for process in running):  # noqa: ASYNC110 - an end sets no event
            await asyncio.sleep(LOOK)
        print("exit codes:", ", ".join(str(process.poll()) for process in running), flush=True)
    for report, (_, log, _) in zip(reports, shards, strict=True):
        if not report.exists():
            raise RuntimeError(f"no report of a shard; its output:\n{log.read_text()}")
    merged = suite.with_name(f"{name}.json")
    words = [KIT, "report", *map(str, reports), "--json", str(merged)]
    print(f"$ cekura-kit {' '.join(words[1:])}", flush=True)
    async with _process(words, merged.with_suffix(".log"), cluster.environment) as process:
        while process.poll() is None:  # noqa: ASYNC110 - an end sets no event
            await asyncio.sleep(LOOK)
    report = json.loads(merged.read_text())
    assert isinstance(report, dict)
    return report


def print_served(cluster: Cluster, runs: Sequence[dict[str, Any]]) -> None:
    """Print a line a run: its room's node, its job's worker, its outcome."""
    nodes, workers = Counter[str](), Counter[str]()
    for run in runs:
        room = run["room"] or ""
        node, moved, worker = (
            cluster.placed.get(room, "none"),
            cluster.moved.get(room, "none"),
            cluster.worker_of(room) or "none",
        )
        nodes[node] += 1
        workers[worker] += 1
        where = node if node == moved else f"{node}, then {moved}"
        reason = f"  {run['kind']}: {run['reason']}" if run["outcome"] != "passed" else ""
        print(f"  {run['case']:>5}  {room}  node {where:<9}  worker {worker:<4}  {run['outcome']}{reason}")
        for note in run["notes"]:
            print(f"         {note}")
    print(f"  rooms by node: {_counts(nodes)}; jobs by worker: {_counts(workers)}", flush=True)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


async def kill_mid_suite(cluster: Cluster, letter: str, rooms_before: set[str]) -> set[str]:
    """SIGKILL a node once rooms were made on both nodes and two are open on this one; return its open rooms."""
    while True:
        here = {room for room in await _open_rooms(cluster, letter) if cluster.worker_of(room)}
        if len(here - rooms_before) >= 2 and len(set(cluster.placed) - rooms_before) > 2 * AT_ONCE:
            break
        await asyncio.sleep(LOOK)
    pid = cluster.nodes[letter].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    print(f"killed node {letter} (SIGKILL to {pid}) with {len(here)} open rooms: {', '.join(sorted(here))}", flush=True)
    return here


async def _open_rooms(cluster: Cluster, letter: str) -> set[str]:
    placed = await ask_redis(cluster.redis, "HGETALL", "room_node_map")
    return {room for room in placed if cluster.moved.get(room) == letter}


async def show(runs: int) -> int:
    """Both suites; the exit code."""
    with tempfile.TemporaryDirectory(prefix="cekura-kit-cluster-") as name:
        folder = Path(name)
        suite = write_suite(folder, scenarios=runs, turns=TURNS, concurrency=AT_ONCE, agent_name=AGENT_NAME)
        content = yaml.safe_load(suite.read_text())
        del content["worker"]
        write_yaml(suite, content)
        async with cluster(folder) as found:
            print("\n# one suite, a shard through each node", flush=True)
            urls = [node.url for node in found.nodes.values()]
            whole = (await run_shards(found, suite, urls, "both"))["runs"]
            print_served(found, whole)
            before = set(found.placed)
            print("\n# the same through a load balancer, and node B killed in mid-suite", flush=True)
            killing = asyncio.create_task(kill_mid_suite(found, "B", before))
            try:
                broken = (await run_shards(found, suite, [found.balancer.url] * 2, "killed"))["runs"]
            finally:
                if not killing.done():
                    killing.cancel()
                await asyncio.gather(killing, return_exceptions=True)
            print_served(found, broken)
            return judge(whole, broken, killing.result())
    raise AssertionError("unreachable")


def judge(whole: Sequence[dict[str, Any]], broken: Sequence[dict[str, Any]], lost: set[str]) -> int:
    """Print what came of the death; return 0 where all else passed and nothing failed."""
    counts = Counter(run["outcome"] for run in broken)
    beside = [run["case"] for run in broken if run["outcome"] != "passed" and run["room"] not in lost]
    print(f"\nin the node that died: {len(lost)} rooms; after its death: {_counts(counts)}")
    if beside:
        print(f"not passed, though not in the node that died: {', '.join(beside)}")
    good = all(run["outcome"] == "passed" for run in whole) and not beside and not counts["failed"]
    return 0 if good else 1


def main() -> int:
    """Run under signals; everything that was started is stopped, after Ctrl-C too."""
    protect()
    signals.install()
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    return signals.run(show(runs)) or 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
