"""Pure parts of `bench.cluster`, `bench.balancer` and `bench.many_shards`: no server, no process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from bench.balancer import Balancer
from bench.cluster import judge
from bench.many_shards import SimulatedLoop, most_in_window
from bench.nodes import node_ids, worker_of
from bench.suites import ROOT


def run(case: str, room: str, outcome: str) -> dict[str, Any]:
    return {"case": case, "room": room, "outcome": outcome}


@pytest.mark.parametrize(
    ("outcome", "room", "code"),
    [("passed", "r1", 0), ("errored", "r1", 0), ("errored", "r2", 1), ("failed", "r1", 1), ("failed", "r2", 1)],
)
def test_after_a_nodes_death_what_was_in_it_may_be_errored_and_nothing_else(outcome: str, room: str, code: int) -> None:
    whole = [run("1#1", "r0", "passed")]
    assert judge(whole, [run("1#1", room, outcome)], {"r1"}) == code
    assert judge([run("1#1", "r0", "failed")], [run("1#1", room, outcome)], {"r1"}) == 1


def test_nodes_and_workers_are_known_by_their_logs() -> None:
    assert node_ids('INFO starting LiveKit server {"portHttp": 1, "nodeID": "ND_abc", "nodeIP": "127.0.0.1"}') == [
        "ND_abc"
    ]
    logs = {"A1": 'a job {"room": "one"}', "B1": '{"room": "two"}'}
    assert [worker_of(room, logs) for room in ("one", "two", "three", "")] == ["A1", "B1", "", ""]


@pytest.mark.parametrize(("times", "most"), [([], 0), ([0, 1, 59.9], 3), ([0, 60], 1), ([0, 30, 61, 89, 95], 3)])
def test_the_most_requests_in_any_window_of_a_minute(times: list[float], most: int) -> None:
    assert most_in_window(times) == most


def test_simulated_time_passes_at_once_and_in_order() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()

        async def at(seconds: float) -> float:
            await asyncio.sleep(seconds)
            return loop.time()

        return list(await asyncio.gather(at(7200), at(60), at(3600)))

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        assert runner.run(main()) == pytest.approx([7200, 60, 3600])


async def test_a_balancer_takes_turns_and_leaves_out_a_node_that_is_dead() -> None:
    def says(name: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(name)
            writer.close()

        return answer

    first, second = [await asyncio.start_server(says(name), "127.0.0.1", 0) for name in (b"first", b"second")]
    ports = [server.sockets[0].getsockname()[1] for server in (first, second)]

    async def ask(balancer: Balancer) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(balancer.url.rpartition(":")[2]))
        answer = await reader.read()
        writer.close()
        return answer

    async with Balancer(ports) as in_turn, Balancer(ports[::-1], in_turn=False) as near:
        assert [await ask(in_turn) for _ in range(3)] == [b"first", b"second", b"first"]
        assert [await ask(near) for _ in range(2)] == [b"second"] * 2
        second.close()
        assert [await ask(in_turn) for _ in range(2)] == [b"first"] * 2
        assert await ask(near) == b"first"
    first.close()


def test_without_redis_the_command_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os; os.environ['PATH'] = ''; from bench.cluster import main; main()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("redis-server is not on PATH: install it (Debian: `apt-get install redis-server`")
