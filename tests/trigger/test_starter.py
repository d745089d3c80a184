"""Runs that share a POST, the time when it is sent, and the runs of its answer. Real HTTP; no rooms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.errors import CekuraRefused
from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.trigger.cekura.api_models import ApiRun, StartAnswer
from cekura_agent_kit.trigger.cekura.client import Cekura
from cekura_agent_kit.trigger.cekura.ready_run import ReadyRun
from cekura_agent_kit.trigger.cekura.starter import Starter
from cekura_agent_kit.trigger.errored import Errored
from cekura_agent_kit.trigger.plan.planned_run import PlannedRun
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.trigger.timing import Timing
from cekura_agent_kit.verdict import Kind
from tests.trigger.bench import BOOKING, HELLO, MORE, SCENARIOS

TOKEN = jwt.encode(
    {"video": {"roomJoin": True, "room": "r"}}, "a-secret-of-some-length-for-the-test", algorithm="HS256"
)


def plan(*runs: Any) -> list[PlannedRun]:
    return Suite.model_validate({"agent_name": "a", "mode": "text", "runs": runs}).plan()


def ready(planned: PlannedRun, fault: Errored | None = None) -> ReadyRun:
    async def check_agent() -> None:
        if fault is not None:
            raise fault

    entry = {"scenario": planned.scenario, "livekit_room_url": "wss://example.com", "access_token": TOKEN}
    return ReadyRun(planned, entry=lambda: entry, check_agent=check_agent)


class Table:
    """A starter on a stand-in whose runs join no room."""

    def __init__(self, faults: Faults | None = None, **timing: float) -> None:
        self.service = CekuraService(SCENARIOS, faults=faults, join=False)
        self.timing = Timing(**{"group": 30.0, "read_fastest": 0.05, "lost_start": 0.5} | timing)

    async def __aenter__(self) -> Table:
        await self.service.__aenter__()
        self.cekura = await Cekura(
            Settings.model_validate(
                {
                    "cekura_api_url": self.service.url,
                    "cekura_api_key": self.service.api_key,
                    "livekit_url": "wss://example.com",
                    "livekit_api_key": "k",
                    "livekit_api_secret": "s",
                }
            )
        ).__aenter__()
        self.starter = Starter(self.cekura, self.timing, agent=812, result_url=lambda result: f"https://x/{result}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.starter.cancel()
        await self.cekura.__aexit__(None, None, None)
        await self.service.__aexit__(None, None, None)

    @property
    def posts(self) -> list[list[int]]:
        return [[each["scenario"] for each in start.body["scenarios"]] for start in self.service.starts]


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    async with Table() as made:
        yield made


async def test_a_post_waits_for_who_is_expected_and_ties_each_run_to_its_room(table: Table) -> None:
    hello, booking = plan(HELLO_RUN, {"scenario": BOOKING})
    for each in (hello, booking):
        table.starter.expect(each)
    first = asyncio.create_task(table.starter.start(ready(hello)))
    await asyncio.sleep(0.1)
    assert table.posts == []
    second = await table.starter.start(ready(booking))

    assert table.posts == [[HELLO, BOOKING]]
    assert table.service.starts[0].body["agent"] == 812
    assert table.service.runs[(await first).run_id].scenario_id == HELLO
    assert table.service.runs[second.run_id].scenario_id == BOOKING
    assert [result.url for result in table.starter.results] == [f"https://x/{second.result_id}"]


HELLO_RUN = {"scenario": HELLO}


async def test_who_drops_out_is_not_waited_for(table: Table) -> None:
    hello, booking = plan(HELLO_RUN, {"scenario": BOOKING})
    for each in (hello, booking):
        table.starter.expect(each)
    first = asyncio.create_task(table.starter.start(ready(hello)))
    await asyncio.sleep(0)
    table.starter.withdraw(booking)
    await first

    assert table.posts == [[HELLO]]


async def test_latecomers_go_in_the_next_post() -> None:
    async with Table(group=0.1) as table:
        hello, booking = plan(HELLO_RUN, {"scenario": BOOKING})
        for each in (hello, booking):
            table.starter.expect(each)
        await table.starter.start(ready(hello))
        await table.starter.start(ready(booking))

        assert table.posts == [[HELLO], [BOOKING]]


async def test_a_scenario_stands_once_in_a_post_and_modes_do_not_mix(table: Table) -> None:
    planned = plan({"scenario": HELLO, "repeat": 2}, {"scenario": BOOKING}, {"scenario": MORE, "mode": "voice"})
    for each in planned:
        table.starter.expect(each)
    await asyncio.gather(*(table.starter.start(ready(each)) for each in planned))

    assert sorted(table.posts) == [[HELLO], [HELLO, BOOKING], [MORE]]
    assert "agent" not in next(s.body for s in table.service.starts if s.mode is Mode.VOICE)


async def test_one_whose_agent_has_gone_is_not_paid_for(table: Table) -> None:
    hello, booking = plan(HELLO_RUN, {"scenario": BOOKING})
    gone = Errored(Kind.AGENT_LEFT, "the agent left before the start")
    for each in (hello, booking):
        table.starter.expect(each)
    outcomes = await asyncio.gather(
        table.starter.start(ready(hello, gone)), table.starter.start(ready(booking)), return_exceptions=True
    )

    assert outcomes[0] is gone
    assert table.posts == [[BOOKING]]


async def test_an_answer_that_names_no_scenario_is_read_again() -> None:
    async with Table(Faults(start_runs="object")) as table:
        (hello,) = plan(HELLO_RUN)
        started = await table.starter.start(ready(hello))
        assert table.service.runs[started.run_id].scenario_id == HELLO


async def test_after_a_lost_answer_another_jobs_run_is_neither_matched_nor_ended() -> None:
    async with Table(Faults.model_validate({"starts": {"1": {"lost": True}}})) as table:
        mine = ready(plan(HELLO_RUN)[0])
        starting = asyncio.create_task(table.starter.start(mine))
        async with asyncio.timeout(10):
            await mine.sent.wait()
            while not table.service.runs:  # noqa: ASYNC110 - the stand-in sets no event
                await asyncio.sleep(0.01)
        # Another job starts the same scenario at the same moment.
        await table.cekura.start(Mode.TEXT, [dict(mine.entry())])
        mine.evaluator_came.set()

        with pytest.raises(Errored) as raised:
            await starting
        assert raised.value.kind is Kind.START_UNKNOWN
        assert "1 of 1 evaluators joined" in str(raised.value)
        assert all(str(run_id) in str(raised.value) for run_id in table.service.runs)
        assert table.service.requests["ends"] == 0
        assert len(table.posts) == 2


async def sent_and_joined(run: ReadyRun) -> None:
    await run.sent.wait()
    run.evaluator_came.set()


async def test_after_a_lost_answer_the_suites_other_run_of_the_scenario_is_no_stranger() -> None:
    """Two POSTs name the same scenario; the first answer is lost, the second is received."""
    async with Table(Faults.model_validate({"starts": {"1": {"lost": True}}})) as table, asyncio.timeout(10):
        first, second = (ready(planned) for planned in plan({"scenario": HELLO, "repeat": 2}))
        started = await asyncio.gather(
            table.starter.start(first), table.starter.start(second), sent_and_joined(first), sent_and_joined(second)
        )

        runs = [each for each in started if each is not None]
        assert sorted(each.run_id for each in runs) == sorted(table.service.runs)
        assert sorted(each.identified for each in runs) == [False, True]
        assert len(table.posts) == 2


async def test_while_another_post_names_the_scenario_a_lost_run_is_not_matched() -> None:
    """The second answer is late: until it is received, its run must not be mistaken for the first's."""
    faults = Faults.model_validate({"starts": {"1": {"lost": True}, "2": {"delay": "300ms"}}})
    async with Table(faults, lost_start=5.0) as table, asyncio.timeout(10):
        first, second = (ready(planned) for planned in plan({"scenario": HELLO, "repeat": 2}))
        one, two, _, _ = await asyncio.gather(
            table.starter.start(first), table.starter.start(second), sent_and_joined(first), sent_and_joined(second)
        )

        by_case = {first.planned.case: one, second.planned.case: two}
        assert {each.run_id for each in by_case.values()} == set(table.service.runs)


async def test_a_refusal_is_the_cause_of_what_it_ends() -> None:
    async with Table(Faults.model_validate({"starts": {"1": {"status": 402, "body": "{}"}}})) as table:
        with pytest.raises(Errored, match=r"answered 402: \{\} \(scenarios sent: 1\)") as raised:
            await table.starter.start(ready(plan(HELLO_RUN)[0]))

        assert raised.value.kind is Kind.START_REFUSED
        assert isinstance(raised.value.__cause__, CekuraRefused)
        assert raised.value.__cause__.final


async def test_without_a_list_from_before_a_lost_run_stays_unknown() -> None:
    faults = Faults.model_validate({"starts": {"1": {"lost": True}}, "reads": {"1-4": {"status": 500, "body": "{}"}}})
    async with Table(faults) as table:
        mine = ready(plan(HELLO_RUN)[0])
        with pytest.raises(Errored, match="no list could be read before the start") as raised:
            await asyncio.gather(table.starter.start(mine), sent_and_joined(mine))

        assert raised.value.kind is Kind.START_UNKNOWN
        assert "end what is still running" in raised.value.hint


async def test_an_answer_without_a_results_id_is_not_a_lost_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(*_: Any, **__: Any) -> StartAnswer:
        return StartAnswer(None, (ApiRun(5, scenario=HELLO),))

    async with Table() as table:
        monkeypatch.setattr(table.cekura, "start", answer)
        started = await table.starter.start(ready(plan(HELLO_RUN)[0]))

        assert (started.run_id, started.result_id, started.identified) == (5, None, False)
