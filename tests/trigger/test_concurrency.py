"""`concurrency: auto`: what the limiter makes of arrivals, who gets a place, and what a suite says of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.errors import SuiteError
from cekura_agent_kit.trigger.limiter import Limiter
from cekura_agent_kit.trigger.machine import usable_cores
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.progress import Stage
from cekura_agent_kit.trigger.slots import Slots, limit_of
from tests.hosted import hosted


def limiter(*arrivals: float, cores: int = 2, most: int = 16, agent_timeout: float = 20.0) -> Limiter:
    made = Limiter(cores=cores, most=most, agent_timeout=agent_timeout)
    for seconds in arrivals:
        made.arrived(seconds)
    return made


@pytest.mark.parametrize(
    ("arrivals", "limit"),
    [
        ([], 2),
        ([0.4] * 3, 5),
        ([0.4, 2.3, 2.3], 5),  # within 2 s of the fastest
        ([0.4] * 30, 16),
        ([0.4] * 6 + [2.5], 4),
        ([0.4] * 6 + [2.5] + [0.4] * 3, 4),  # from here on, one more for as many as it counts
        ([0.4] * 6 + [2.5] + [0.4] * 4, 5),
        ([0.4] * 6 + [2.5] * 8, 4),  # 7 more had begun before it was cut
        ([0.4] * 6 + [2.5] * 9, 2),
        ([0.4] + [9.0] * 40, 1),
        ([8.0] * 4, 3),  # late at first; then it is the measure itself
        ([4.0, 6.0, 7.9], 5),
        ([4.0, 6.0, 8.1], 2),  # a quarter of the way to agent_timeout
    ],
)
def test_each_agent_in_time_raises_the_limit_and_a_late_one_halves_it(arrivals: list[float], limit: int) -> None:
    assert limiter(*arrivals).limit == limit


def test_an_agent_that_does_not_come_is_late() -> None:
    made = limiter(*[0.4] * 6)
    made.missed()
    assert (made.limit, made.lowest, made.highest) == (4, 2, 8)


def test_it_begins_with_the_cores_unless_fewer_may_run() -> None:
    assert limiter(cores=8).limit == 8
    assert limiter(cores=8, most=5).limit == 5


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def begun(slots: Slots, cases: Iterable[str]) -> AsyncIterator[tuple[list[str], dict[str, asyncio.Event]]]:
    """Cases that want a place, in this order: those that have one, and what makes each give it back."""
    running: list[str] = []
    ends = {case: asyncio.Event() for case in cases}

    async def run(case: str) -> None:
        async with slots.held(case):
            running.append(case)
            await ends[case].wait()
            running.remove(case)

    async with AsyncExitStack() as stack:
        tasks = [asyncio.create_task(run(case)) for case in ends]
        stack.callback(lambda: [task.cancel() for task in tasks])
        await settled()
        yield running, ends


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def stage(case: str, name: Any, at: float) -> Stage:
    return Stage(case, name, at)


async def test_places_follow_the_arrivals_in_the_order_of_the_plan() -> None:
    clock = Clock()
    slots = Slots(Limiter(cores=2, most=16, agent_timeout=20), clock)
    async with begun(slots, "abcdef") as (running, ends):
        assert running == ["a", "b"]
        for case in "ab":
            slots.on_event(stage(case, "room", 0.0))
        slots.on_event(stage("a", "agent_ready", 0.4))
        await settled()
        assert running == ["a", "b", "c"]

        clock.now = 3.0  # b is late, so nothing begins for an end
        ends["a"].set()
        await settled()
        assert running == ["b", "c"]

        slots.on_event(stage("b", "agent_ready", 3.1))
        await settled()
        assert (running, slots.limit) == (["b", "c"], 1)
        for case in "bc":
            ends[case].set()
        await settled()
        assert running == ["d"]
        assert slots.described == "concurrency auto: 1 to 3"


async def test_a_run_that_ends_without_its_agent_counts_as_late() -> None:
    slots = Slots(Limiter(cores=4, most=16, agent_timeout=20), Clock())
    async with begun(slots, "ab") as (_, ends):
        slots.on_event(stage("a", "room", 0.0))
        ends["a"].set()
        await settled()
        assert slots.limit == 2


async def test_a_number_stays_and_one_that_waits_may_be_cancelled() -> None:
    slots = Slots(1, Clock())
    async with begun(slots, "abc") as (running, ends):
        waiting = asyncio.create_task(slots.held("x").__aenter__())
        await settled()
        waiting.cancel()
        slots.on_event(stage("a", "agent_ready", 0.1))
        ends["a"].set()
        await settled()
        assert (running, slots.limit, slots.described) == (["b"], 1, "")


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
    ],
)
def test_cores_are_those_that_the_container_allows(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    own = usable_cores(tmp_path / "none")
    assert usable_cores(tmp_path) == (own if limit is None else min(own, limit))


def test_on_cekura_it_stays_within_the_plans_parallel_runs() -> None:
    suite = Suite.model_validate({"agent_name": "agent", "concurrency": "auto", "runs": [{"scenario": 30}]})
    made = [limit_of(suite, local=local, shards=shards) for local, shards in ((False, 1), (False, 4), (True, 1))]
    assert [each.most for each in made if isinstance(each, Limiter)] == [10, 2, 8 * usable_cores()]


@pytest.mark.parametrize("wrong", [0, -1, "many", True, 1.5, None])
def test_another_word_is_refused_in_one_line(wrong: object) -> None:
    with pytest.raises(SuiteError, match="is neither a whole number from 1 on nor `auto`") as refused:
        Suite(**{"agent_name": "agent", "concurrency": wrong, "runs": [{"scenario": 30}]})  # type: ignore[arg-type]
    assert len(str(refused.value).splitlines()) == 1


def test_the_command_says_what_it_did_and_the_report_too() -> None:
    with hosted([30, 31]) as services:
        done = services.run([30, 31], unscored="warn", concurrency="auto")
    assert done.code == 0, done.printed
    said = next(note for note in json.loads(done.reports["json"])["notes"] if note.startswith("concurrency auto: "))
    assert said in done.printed
    assert said in done.reports["markdown"]
