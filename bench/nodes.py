"""Two livekit-servers over one Redis, the stand-ins of Cekura and of the models, and workers on each node."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cekura_agent_kit.guarded import GuardedProcess
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.sandbox.models.service import ModelsService
from cekura_agent_kit.sandbox.server_binary import find_binary

from .balancer import Balancer
from .measure import KIT
from .suites import EXAMPLE

AGENT_NAME = "restaurant"
WORKERS = 2
"""Workers on each node, all under one agent name."""
START = 60.0
"""Seconds for a worker or Redis to start; far more than it takes."""
LOOK = 0.1
"""Seconds between two looks at Redis."""
NO_REDIS = (
    "redis-server is not on PATH: install it (Debian: `apt-get install redis-server`; macOS: `brew install redis`)"
)


@dataclass
class Cluster:
    """Servers, stand-ins and workers that run, and where the rooms were.

    Attributes:
        placed: node's letter by room, as Redis had it first.
        moved: the same, as Redis had it last.
        since: time at which Redis had it first, by room.
        killed_at: time at which a node was killed.
    """

    redis: int
    nodes: dict[str, LiveKitServer]
    environment: dict[str, str]
    balancer: Balancer
    workers: dict[str, Path] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    killed_at: float = float("inf")

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
                self.since.setdefault(room, time.monotonic())
                self.moved[room] = names.get(node_id, node_id)
            await asyncio.sleep(LOOK)


def node_ids(log: str) -> list[str]:
    """Return the ids that a livekit-server gave itself, by its log."""
    return re.findall(r'"nodeID": ?"(ND_\w+)"', log)


def worker_of(room: str, logs: dict[str, str]) -> str:
    """Return the worker in whose log the room's job stands; empty for none, and for a run without a room."""
    if not room:
        return ""
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
async def process(words: Sequence[str], log: Path, environment: dict[str, str]) -> AsyncIterator[GuardedProcess]:
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
        await parts.enter_async_context(process(redis, log, dict(os.environ)))
        await _until(lambda: log.exists() and "Ready to accept" in log.read_text(), "redis-server")
        binary = await asyncio.to_thread(find_binary, print)
        nodes = {letter: LiveKitServer(binary, redis=f"127.0.0.1:{port}") for letter in "AB"}
        nodes["B"].api_key, nodes["B"].api_secret = nodes["A"].api_key, nodes["A"].api_secret
        for letter, node in nodes.items():
            await parts.enter_async_context(node)
            # Another server may have got the port first, and have answered in this one's place.
            await _until(lambda node=node: bool(node_ids(node.log)), f"node {letter}")  # type: ignore[misc]
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
                await parts.enter_async_context(process(words, log, variables))
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
