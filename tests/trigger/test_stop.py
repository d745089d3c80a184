"""Stops of a suite: what ends it, what begins no more, and that the work in hand wins a tie."""

from __future__ import annotations

import asyncio

import pytest

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.trigger.errored import Errored
from cekura_agent_kit.trigger.progress import Stage
from cekura_agent_kit.trigger.stop import HASTY, USUAL, WITHOUT_AGENT, Breaker, Preempted, Stop, unless
from cekura_agent_kit.verdict import Kind, Outcome, SkipReason

from .bench import HELLO, Bench

MISSING = Errored(Kind.AGENT_MISSING, "no worker accepted the job")


def test_the_first_reason_stays() -> None:
    stop = Stop()
    assert (stop.closed, stop.reason, stop.grace) == (None, None, USUAL)
    stop.close(Errored(Kind.NOT_RUN, "fail-fast"), skip=SkipReason.FAIL_FAST)
    stop.close(Errored(Kind.NOT_RUN, "later"))
    assert (str(stop.closed), stop.skip, stop.reason) == ("fail-fast", SkipReason.FAIL_FAST, None)
    stop.request(Errored(Kind.CANCELLED, "SIGINT"))
    stop.request(Errored(Kind.TIMEOUT, "later"))
    assert (str(stop.reason), str(stop.closed), stop.skip, stop.grace) == ("SIGINT", "SIGINT", None, HASTY)


async def test_work_is_cancelled_and_awaited_when_the_event_comes_first() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    with pytest.raises(Preempted):
        await unless(event, work())
    assert ended == ["work"]


async def test_work_that_is_done_wins_and_its_error_is_raised() -> None:
    event = asyncio.Event()
    event.set()

    async def value() -> int:
        return 7

    async def broken() -> int:
        raise LookupError("no such room")

    assert await unless(event, value()) == 7
    with pytest.raises(LookupError):
        await unless(event, broken())


def test_runs_without_an_agent_close_the_suite_unless_one_had_an_agent() -> None:
    stop = Stop()
    breaker = Breaker(stop)
    for n in range(WITHOUT_AGENT - 1):
        breaker.failed(f"30#{n}", MISSING)
    assert stop.closed is None
    breaker.failed("31#1", Errored(Kind.TIMEOUT, "no verdict"))
    assert stop.closed is None
    breaker.failed("32#1", MISSING)
    assert stop.closed is not None
    assert "no worker accepted the job" in str(stop.closed)

    stop = Stop()
    breaker = Breaker(stop)
    breaker.agent_ready()
    for n in range(WITHOUT_AGENT + 1):
        breaker.failed(f"30#{n}", MISSING)
    assert stop.closed is None


@pytest.mark.server
async def test_a_refusal_about_the_balance_is_the_last_start(bench: Bench) -> None:
    faults = Faults.model_validate({"starts": {"all": {"status": 402, "body": '{"detail": "Insufficient balance"}'}}})
    ran = await bench.run(bench.suite(*[HELLO] * 10, concurrency=1), faults=faults)

    assert ran.kinds == ["start_refused", *["not_run"] * 9]
    assert "Insufficient balance" in ran.reasons.splitlines()[-1]
    assert len(ran.service.starts) == 1
    assert sum(isinstance(event, Stage) and event.stage == "room" for event in ran.events) == 1
    assert ran.verdict.outcome is Outcome.ERRORED
    assert ran.rooms == []


@pytest.mark.server
async def test_an_agent_that_never_comes_is_asked_for_three_times(bench: Bench) -> None:
    suite = bench.suite(*[HELLO] * 6, concurrency=1, agent_name="nobody", agent_timeout="1s")
    bench.timing = {"no_job": 0.5}
    ran = await bench.run(suite)

    assert ran.kinds == [*["agent_missing"] * 3, *["not_run"] * 3]
    assert "the first 3 runs had no agent" in ran.reasons.splitlines()[-1]
    assert ran.service.starts == []
