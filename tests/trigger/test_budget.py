"""Rate limit of all requests to LiveKit."""

from __future__ import annotations

import asyncio

import pytest

from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.trigger.timing import Timing
from tests.trigger.virtual_time import run_in_virtual_time


def test_a_burst_of_a_second_is_free_and_then_requests_share_the_rate() -> None:
    async def times() -> list[float]:
        budget, sent = Budget(10), []

        async def request() -> None:
            await budget.acquire()
            sent.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(request() for _ in range(30)))
        return sent

    sent = run_in_virtual_time(times())
    assert sent[9] == 0.0
    assert [round(at, 1) for at in sent[10:]] == [round(n / 10, 1) for n in range(1, 21)]


def test_urgent_requests_go_first() -> None:
    async def order() -> list[str]:
        budget, sent = Budget(1), []

        async def request(name: str, *, urgent: bool) -> None:
            await budget.acquire(urgent=urgent)
            sent.append(name)

        await budget.acquire()
        await asyncio.gather(
            *(request("normal", urgent=False) for _ in range(3)), *(request("urgent", urgent=True) for _ in range(3))
        )
        return sent

    assert run_in_virtual_time(order()) == ["urgent"] * 3 + ["normal"] * 3


def test_after_429_nothing_is_sent_for_a_while_and_then_half_as_much() -> None:
    async def times() -> list[float]:
        budget, sent = Budget(10), []
        budget.slow_down(3)
        for _ in range(7):
            await budget.acquire()
            sent.append(round(asyncio.get_running_loop().time(), 2))
        return sent

    assert run_in_virtual_time(times()) == [3.0] * 5 + [3.2, 3.4]


def test_answers_restore_the_rate() -> None:
    async def wait() -> float:
        budget = Budget(10)
        budget.slow_down(1)
        for _ in range(20):
            budget.speed_up()
        await asyncio.sleep(1)
        for _ in range(10):
            await budget.acquire()
        begun = asyncio.get_running_loop().time()
        for _ in range(10):
            await budget.acquire()
        return asyncio.get_running_loop().time() - begun

    assert round(run_in_virtual_time(wait()), 1) == 1.0


def test_the_last_requests_after_a_signal_wait_for_nothing() -> None:
    async def wait() -> float:
        budget = Budget(1)
        budget.slow_down(60)
        budget.open_up()
        await budget.acquire(urgent=True)
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(wait()) == 0.0


@pytest.mark.parametrize("shards", [1, 2, 3, 20])
def test_all_shards_together_keep_the_projects_limit(shards: int) -> None:
    hosted = Settings.model_validate(
        {
            "livekit_url": "wss://project.livekit.cloud",
            "livekit_api_key": "key",
            "livekit_api_secret": "secret" * 6,
            "cekura_api_key": "key",
        }
    )
    own, local = Timing.of(hosted, shards=shards), Timing()
    assert 0.5 < own.livekit_requests <= local.livekit_requests
    assert own.livekit_requests * shards <= 1000 / 60
