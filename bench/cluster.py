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
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import yaml

from cekura_agent_kit.cli import signals
from cekura_agent_kit.cli.stdio import protect

from .measure import KIT
from .nodes import AGENT_NAME, LOOK, Cluster, ask_redis, cluster, process
from .suites import write_suite, write_yaml

RUNS, TURNS = 12, 20
AT_ONCE = 3
"""Runs at a time in each shard: what two cores carry."""
UNDER_WAY = 3.0
"""Seconds after which a room's conversation is under way: before, evaluator and agent just join elsewhere."""


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
        running = [await parts.enter_async_context(process(*each)) for each in shards]
        while any(each.poll() is None for each in running):  # noqa: ASYNC110 - an end sets no event
            await asyncio.sleep(LOOK)
        print("exit codes:", ", ".join(str(each.poll()) for each in running), flush=True)
    for report, (_, log, _) in zip(reports, shards, strict=True):
        if not report.exists():
            raise RuntimeError(f"no report of a shard; its output:\n{log.read_text()}")
    merged = suite.with_name(f"{name}.json")
    words = [KIT, "report", *map(str, reports), "--json", str(merged)]
    print(f"$ cekura-kit {' '.join(words[1:])}", flush=True)
    async with process(words, merged.with_suffix(".log"), cluster.environment) as merging:
        while merging.poll() is None:  # noqa: ASYNC110 - an end sets no event
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
        reason = f"  {run['kind'] or ''} {run['reason'][:120]}" if run["outcome"] != "passed" else ""
        print(f"  {run['case']:>5}  {room}  node {where:<9}  worker {worker:<4}  {run['outcome']}{reason}")
        for note in run["notes"]:
            print(f"         {note}")
    print(f"  rooms by node: {_counts(nodes)}; jobs by worker: {_counts(workers)}", flush=True)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


async def kill_mid_suite(cluster: Cluster, letter: str, rooms_before: set[str]) -> set[str]:
    """SIGKILL a node once a conversation is under way in it, and some are over; return its open rooms."""
    while True:
        here = await _open_rooms(cluster, letter)
        under_way = any(time.monotonic() - cluster.since[room] > UNDER_WAY for room in here)
        if under_way and len(set(cluster.placed) - rooms_before) > 2 * AT_ONCE:
            break
        await asyncio.sleep(LOOK)
    pid = cluster.nodes[letter].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    cluster.killed_at = time.monotonic()
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
            if killing.cancelled():
                print("\nno node was killed: at no time was a conversation under way in it")
                return 1
            # Until the other nodes know of the death, new rooms may be placed on the dead one.
            late = {room for room, at in found.since.items() if at >= found.killed_at and found.placed[room] == "B"}
            return judge(whole, broken, killing.result() | late)
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
