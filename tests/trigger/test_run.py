"""A suite end to end: a real server, a real worker, a stand-in over real HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.trigger.plan.suite_values import seed_of
from cekura_agent_kit.trigger.progress import Ended, Finished, Planned, Said, Stage
from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.service import LiveKit
from cekura_agent_kit.trigger.suite_run import SuiteRun
from cekura_agent_kit.verdict import Outcome
from tests.trigger.bench import BOOKING, HELLO, LONG, MORE, SCENARIOS, SLOW, Bench

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("trigger")]


async def test_passes_and_fails_as_cekura_says(bench: Bench) -> None:
    outcome = await bench.run(bench.suite({"scenario": HELLO, "repeat": 3}, BOOKING, MORE))

    assert outcome.kinds == ["passed", "passed", "passed", "passed", "failed"], outcome.reasons
    assert outcome.verdict.outcome is Outcome.FAILED
    assert outcome.verdict.exit_code == 1
    assert "this is never said" in outcome.verdict.runs[4].reason
    assert outcome.started == 5
    assert outcome.rooms == []
    assert outcome.verdict.rooms_left == []


async def test_a_post_never_names_a_scenario_twice(bench: Bench) -> None:
    # On a busy machine the agents come more than a second apart.
    bench.timing["group"] = 60.0
    outcome = await bench.run(bench.suite({"scenario": HELLO, "repeat": 3}, BOOKING))

    posts = [sorted(each["scenario"] for each in start.body["scenarios"]) for start in outcome.service.starts]
    assert sorted(posts) == [[HELLO], [HELLO], [HELLO, BOOKING]]


async def test_the_transcript_has_both_sides_and_the_tool_call(bench: Bench) -> None:
    outcome = await bench.run(bench.suite(BOOKING))

    run = outcome.verdict.runs[0]
    assert run.transcript_source == "witness"
    said = [(line.role, line.text or line.name) for line in run.transcript]
    assert ("evaluator", "a table") in said
    assert ("agent", "It is done: a table for 2 is booked.") in said
    tool = next(line for line in run.transcript if line.role == "tool")
    assert (tool.name, tool.arguments, tool.output) == ("book", {"people": 2}, "a table for 2 is booked")
    assert [line.at for line in run.transcript] == sorted(line.at or 0 for line in run.transcript)


async def test_without_a_witness_the_transcript_is_cekuras(bench: Bench) -> None:
    outcome = await bench.run(bench.suite(HELLO, witnesses=0))

    run = outcome.verdict.runs[0]
    assert run.outcome is Outcome.PASSED, run.reason
    assert run.transcript_source == "cekura"
    assert [line.role for line in run.transcript][-2:] == ["evaluator", "agent"]
    assert run.latency.turns == []


async def test_the_stages_are_passed_in_order_and_told(bench: Bench) -> None:
    outcome = await bench.run(bench.suite(HELLO))

    times = outcome.verdict.runs[0].timeline.model_dump()
    assert all(at is not None for at in times.values()), times
    assert times["room"] <= times["agent_joined"] <= times["agent_ready"] <= times["evaluator_joined"]
    assert times["evaluator_joined"] <= times["first_reply"] <= times["ended"] <= times["verdict"]
    assert {event.stage for event in outcome.events if isinstance(event, Stage)} == set(times)
    kinds = [type(event) for event in outcome.events]
    assert (kinds[0], kinds[-1]) == (Planned, Ended)
    assert {Said, Finished} <= set(kinds)


async def test_an_agent_that_waits_for_its_caller_is_ready_by_its_mode(bench: Bench) -> None:
    outcome = await bench.run(bench.suite(HELLO, behave="wait_first"))

    assert outcome.kinds == ["passed"], outcome.reasons
    assert "had not started its session" in " ".join(outcome.verdict.runs[0].notes)


async def test_an_unwrapped_agent_is_switched_by_its_dispatch(bench: Bench) -> None:
    outcome = await bench.run(bench.suite(MORE, behave="unwrapped", text_switch="dispatch"))

    assert outcome.kinds == ["failed"], outcome.reasons
    assert "text by dispatch" in " ".join(outcome.verdict.runs[0].notes)


async def test_a_slow_reply_fails_a_passed_run(bench: Bench) -> None:
    outcome = await bench.run(bench.suite({"scenario": SLOW, "max_reply": "1s"}, HELLO))

    assert outcome.kinds == ["failed", "passed"], outcome.reasons
    assert "max_reply is 1 s" in outcome.verdict.runs[0].reason


@pytest.mark.parametrize(("rate", "exit_code"), [(0.5, 0), (0.6, 1)])
async def test_the_pass_rate_judges_an_entry_over_its_runs(bench: Bench, rate: float, exit_code: int) -> None:
    """One of two runs passes."""
    faults = Faults.model_validate({"runs": {f"{HELLO}#2": {"verdict": {"success": False}}}})
    outcome = await bench.run(bench.suite({"scenario": HELLO, "repeat": 2, "pass_rate": rate}), faults=faults)

    assert sorted(outcome.kinds) == ["failed", "passed"], outcome.reasons
    (pool,) = outcome.verdict.pools
    assert (pool.pass_rate, pool.flaky) == (rate, True)
    assert outcome.verdict.exit_code == exit_code


async def test_concurrency_holds_rooms(bench: Bench) -> None:
    outcome = await bench.run(bench.suite({"scenario": HELLO, "repeat": 4}, concurrency=2))

    spans = [(run.timeline.room, run.timeline.ended) for run in outcome.verdict.runs]
    assert outcome.kinds == ["passed"] * 4, outcome.reasons
    for begin, _ in spans:
        assert sum(other <= begin < (until or 0) for other, until in spans if other is not None and begin) <= 2


async def test_the_agent_gets_its_state_as_in_cekuras_own_rooms(bench: Bench) -> None:
    """By the vendor's own functions, in a real room: ids and profile of the job, the room's metadata."""
    pytest.importorskip("cekura.livekit")
    entry = {"scenario": HELLO, "name": "gold", "room_metadata": {"persona": "host"}, "seed": 7}
    keys: dict[str, Any] = {"test_profile": True, "room_metadata": '{"language": "en", "persona": "guest"}'}
    outcome = await bench.run(bench.suite(entry, behave="informed", **keys))

    assert outcome.kinds == ["passed"], outcome.reasons
    run = outcome.verdict.runs[0]
    greeting = next(line.text for line in run.transcript if line.role == "agent")
    said = json.loads(greeting.removeprefix("Welcome. "))
    config, profile = {"language": "en", "persona": "host"}, {"name": "Zoë"}
    assert said["is_simulation"] is True
    for data in (said["before"], said["after"]):
        assert (data["scenario_id"], data["test_profile_data"]) == (HELLO, profile)
        assert {key: data["additional_config"][key] for key in config} == config
    assert json.loads(said["room"]).items() >= config.items()
    assert said["call"] == [profile, config, "gold", seed_of(7, "1#1")]
    assert outcome.verdict.seed is not None
    assert (run.test_profile_data, run.room_metadata, run.seed) == (profile, config, seed_of(7, "1#1"))
    assert run.metadata == {"scenario_id": HELLO, "test_profile_data": profile, "behave": "informed"}


async def test_a_data_message_is_sent_with_its_run(bench: Bench) -> None:
    outcome = await bench.run(bench.suite({"scenario": HELLO, "publish_data_message": {"tier": "gold"}}))

    assert outcome.service.starts[0].body["scenarios"][0]["publish_data_message"] == {"tier": "gold"}


async def test_a_room_that_a_late_evaluator_makes_again_is_deleted(bench: Bench) -> None:
    faults = Faults.model_validate(
        {"ends": {"all": {"status": 500}}, "runs": {"all": {"late": "6s", "evaluator": "silent"}}}
    )
    bench.timing = {"after_end": 7.0}
    async with CekuraService(SCENARIOS, faults=faults) as service:
        outcome = await bench.run_on(service, bench.suite(HELLO, timeout="2s"))

        assert outcome.kinds == ["evaluator_missing"], outcome.reasons
        assert "could not be ended" in " ".join(outcome.verdict.runs[0].notes)
        async with LiveKit(bench.settings(service), Budget(100)) as livekit:
            assert await livekit.rooms([outcome.verdict.runs[0].room]) == []


async def test_a_suite_that_takes_too_long_is_ended(bench: Bench) -> None:
    outcome = await bench.run(bench.suite(LONG, {"scenario": LONG}, concurrency=1, suite_timeout="6s"))

    assert outcome.verdict.kind == "timeout"
    assert outcome.kinds == ["timeout", "not_run"], outcome.reasons
    assert outcome.verdict.exit_code == 2
    assert outcome.rooms == []
    assert {run.status for run in outcome.service.runs.values()} <= {"completed", "cancelled", "evaluating"}


async def test_a_listener_that_fails_hurts_no_run(bench: Bench) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("the listener's own fault")

    async with CekuraService(SCENARIOS) as service:
        settings = bench.settings(service)
        verdict = await SuiteRun(bench.suite(HELLO), settings=settings, on_event=fail).run()

    assert verdict.exit_code == 0


async def test_a_cancelled_suite_cleans_up_before_it_is_cancelled(bench: Bench) -> None:
    async with CekuraService(SCENARIOS) as service:
        settings = bench.settings(service)
        task = asyncio.create_task(SuiteRun(bench.suite(LONG), settings=settings, suite_id="cancelled-one").run())
        async with asyncio.timeout(60):
            while not service.runs:  # noqa: ASYNC110 - the stand-in sets no event
                await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await bench.rooms_of("cancelled-one", settings) == []
        assert service.requests["ends"] == 1


async def test_a_run_whose_start_is_answered_too_late_is_ended(bench: Bench) -> None:
    faults = Faults.model_validate({"starts": {"1": {"delay": "4s"}}, "runs": {"all": {"evaluator": "never"}}})
    outcome = await bench.run(bench.suite(HELLO, timeout="1s"), faults=faults)

    assert outcome.verdict.exit_code == 2
    assert outcome.started == 1
    assert outcome.service.requests["ends"] == 1
    assert outcome.rooms == []
