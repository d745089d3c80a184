"""Public names, used as a user uses them. mypy checks this file, and nothing runs it.

A changed signature, a lost export or a type that became Any is an error here. `tests/test_public_names.py` checks that
no public name is missing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal, assert_never, assert_type

from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, WorkerOptions
from livekit.agents.voice.run_result import RunAssert
from pydantic import SecretStr

from cekura_agent_kit import (
    Call,
    CallerError,
    CassetteError,
    CassetteMiss,
    CekuraError,
    CekuraRefused,
    CekuraUnreachable,
    DataMessage,
    Ended,
    Event,
    Finished,
    ForeignServer,
    Kind,
    KitError,
    LiveKitError,
    LiveKitUnreachable,
    MetadataError,
    Mode,
    NoSuchRoom,
    Noted,
    Outcome,
    Planned,
    PlannedCase,
    Preparing,
    RehearsalError,
    ReportError,
    RunVerdict,
    Said,
    SandboxError,
    ScenarioError,
    SessionMissing,
    Settings,
    SettingsError,
    Stage,
    Started,
    StartUnknown,
    Suite,
    SuiteError,
    SuiteVerdict,
    TargetError,
    TextModeError,
    WorkerError,
    check,
    current_call,
    fail,
    run_suite,
    wrap_entrypoint,
)
from cekura_agent_kit.rehearsal import (
    Caller,
    Cassette,
    Handoff,
    MemoryRoom,
    RecordMode,
    Rehearsal,
    Rehearse,
    RehearsedScenario,
    ServerRequest,
    ToolCall,
    Turn,
    cassette,
)
from cekura_agent_kit.sandbox import Faults, Sandbox
from cekura_agent_kit.verdict import (
    Baseline,
    Change,
    Check,
    Comparison,
    Cost,
    Latency,
    Line,
    Metric,
    PlayedCaller,
    PoolComparison,
    PoolId,
    PoolVerdict,
    Rate,
    Result,
    RubricRule,
    ScenarioVerdict,
    Selected,
    Shard,
    SkipReason,
    Statement,
    Timeline,
)

# In the agent's code.

server = AgentServer()


@server.rtc_session(agent_name="support")
@wrap_entrypoint
async def bare(ctx: JobContext) -> None:
    await ctx.connect()


@server.rtc_session(agent_name="support-options")
@wrap_entrypoint(
    enabled=True,
    tests="signed",
    tools={"pay": print},
    user_turn=True,
    voice_instructions=False,
    never_away=False,
    tracing=True,
)
async def with_options(ctx: JobContext) -> None:
    await ctx.connect()


async def plain(ctx: JobContext, greeting: str = "") -> int:
    return len(greeting)


def awaitable(ctx: JobContext) -> Awaitable[None]:
    return ctx.connect()


def synchronous(ctx: JobContext) -> int:
    return 1


async def keeps_signatures(ctx: JobContext) -> None:
    assert_type(await wrap_entrypoint(plain)(ctx, greeting="hello"), int)
    assert_type(await wrap_entrypoint(enabled=False)(plain)(ctx), int)
    await wrap_entrypoint(plain)(ctx, goodbye="")  # type: ignore[call-arg]
    wrap_entrypoint(synchronous)  # type: ignore[type-var]
    wrap_entrypoint(plain, text=True)  # type: ignore[call-overload]
    wrap_entrypoint(plain, tests="sigend")  # type: ignore[call-overload]
    WorkerOptions(entrypoint_fnc=wrap_entrypoint(bare), agent_name="support")
    server.rtc_session(wrap_entrypoint(awaitable), agent_name="support-inline")


async def on_message(message: DataMessage) -> None:
    assert_type(message.topic, str)
    assert_type(message.sender, str)
    print(message.payload)


def checks_itself() -> None:
    check("the calendar has the booking", [1], 5)
    check("paid", None)
    fail("the card was charged twice")
    check()  # type: ignore[call-arg]
    fail()  # type: ignore[call-arg]


def knows_its_test() -> None:
    call = current_call()
    assert_type(call, Call | None)
    print(call.case)  # type: ignore[union-attr]
    if call is not None:
        assert_type(call.mode, Mode)
        assert_type(call.scenario_id, int | None)
        assert_type(call.run_id, int | None)
        assert_type(call.suite, str)
        assert_type(call.case, str)
        assert_type((call.signed, call.entry, call.seed), tuple[bool, str, int | None])
        print(call.test_profile_data, call.metadata.get("tier"))
        call.on_data_message(on_message)
        call.on_data_message(lambda message: print(message.topic))
        call.case = "30#2"  # type: ignore[misc]


# Around a suite.


def on_event(event: Event) -> None:
    match event:
        case Planned():
            assert_type(event.cases, tuple[PlannedCase, ...])
            assert_type([(each.case, each.scenario, each.mode) for each in event.cases], list[tuple[str, int, Mode]])
        case Preparing():
            assert_type(event.text, str)
        case Started():
            assert_type(event.result, Result)
        case Stage():
            assert_type(event.case, str)
            assert_type(event.at, float)
            if event.stage == "agent_ready":
                print(event.case)
        case Said():
            assert_type(event.line, Line)
        case Noted():
            assert_type(event.text, str)
        case Finished():
            assert_type(event.case, str)
            assert_type(event.verdict, RunVerdict)
        case Ended():
            assert_type(event.verdict, SuiteVerdict)
        case _:
            assert_never(event)


async def runs_a_suite() -> None:
    suite = Suite.load("cekura.yaml")
    assert_type(suite, Suite)
    Suite.load()
    Suite.load(Path("cekura.yaml"), flags={"concurrency": 2})
    assert_type(suite.mode, Mode)
    assert_type(await run_suite(suite), SuiteVerdict)
    settings = Settings.from_environment(Path(), cekura=True)
    assert_type(settings, Settings)
    assert_type(settings.cekura_api_key, SecretStr)
    assert_type(settings.livekit_url, str)
    assert_type(await run_suite(suite, settings=settings, on_event=on_event), SuiteVerdict)
    await run_suite("cekura.yaml")  # type: ignore[arg-type]
    await run_suite(suite, settings)  # type: ignore[call-arg]


def reads_a_verdict(verdict: SuiteVerdict) -> None:
    assert_type(verdict.exit_code, int)
    assert_type(verdict.outcome, Outcome)
    assert_type(verdict.kind, Kind | None)
    assert_type(verdict.hint, str)
    assert_type(verdict.suite, str)
    assert_type(verdict.duration_s, float)
    assert_type(verdict.results, list[Result])
    assert_type(verdict.shard, Shard | None)
    assert_type(verdict.selected, list[Selected])
    assert_type(verdict.cost, Cost | None)
    assert_type(verdict.runs, list[RunVerdict])
    assert_type(verdict.pools, list[PoolVerdict])
    assert_type(verdict.comparison, Comparison | None)
    assert verdict.comparison is not None
    assert_type(verdict.comparison.baselines, list[Baseline])
    assert_type(verdict.comparison.pools, list[PoolComparison])
    assert_type(verdict.comparison.pools[0].now, Rate | None)
    assert_type(verdict.comparison.pools[0].change, Change)
    assert_type(verdict.scenarios, list[ScenarioVerdict])
    assert_type(verdict.rooms_left, list[str])
    assert_type(verdict.latency, Latency)
    assert_type(verdict.latency.median, float | None)
    assert_type(verdict.full_reply, Latency)
    assert_type(verdict.to_json(), str)
    assert_type(SuiteVerdict.from_json(verdict.to_json()), SuiteVerdict)
    for pool in verdict.pools:
        assert_type(pool.id, PoolId)
        assert_type(pool.pass_rate, float)
    for scenario in verdict.scenarios:
        assert_type(scenario.flaky, bool)
    for run in verdict.runs:
        reads_a_run(run)


def reads_a_run(run: RunVerdict) -> None:
    assert_type(run.case, str)
    assert_type(run.mode, Mode)
    assert_type(run.outcome, Outcome)
    assert_type(run.kind, Kind | None)
    assert_type(run.reason, str)
    assert_type(run.notes, list[str])
    assert_type(run.measured, bool | None)
    assert_type(run.rubric, list[RubricRule])
    assert_type(run.metrics, list[Metric])
    assert_type(run.statements, list[Statement])
    assert_type(run.played_caller, PlayedCaller | None)
    assert_type(run.checks, list[Check])
    assert_type(run.timeline, Timeline)
    assert_type(run.timeline.agent_ready, float | None)
    assert_type(run.latency, Latency)
    assert_type(run.transcript, list[Line])
    assert_type(run.transcript[0].role, Literal["evaluator", "agent", "tool", "event"])
    assert_type(run.statements[0].outcome, Literal["met", "not_met", "blocked"])
    reasons: list[str] = list(SkipReason)
    print(reasons)


def handles_every_outcome(outcome: Outcome) -> str:
    match outcome:
        case Outcome.PASSED | Outcome.FAILED | Outcome.SKIPPED:
            return outcome.value
        case Outcome.ERRORED:
            return "errored"


async def catches_errors() -> None:
    try:
        await run_suite(Suite.load())
    except CekuraRefused as error:
        assert_type(error.status, int)
        assert_type(error.body, str)
        assert_type(error.final, bool)
    except LiveKitUnreachable as error:
        assert_type(error.refused, bool)
    except (CekuraUnreachable, StartUnknown, CekuraError) as error:
        assert_type(error, CekuraUnreachable | StartUnknown | CekuraError)
    except (ForeignServer, NoSuchRoom, LiveKitError) as error:
        assert_type(error.hint, str)
    except KitError as error:
        assert_type(error.hint, str)
        assert_type(error.exit_code, int)


other_errors: Sequence[type[KitError]] = [
    CallerError,
    MetadataError,
    RehearsalError,
    ReportError,
    SandboxError,
    ScenarioError,
    SessionMissing,
    SettingsError,
    SuiteError,
    TargetError,
    TextModeError,
    WorkerError,
]
cekura_errors: Sequence[type[CekuraError]] = [CekuraRefused, CekuraUnreachable, StartUnknown]
cassette_errors: Sequence[type[CassetteError]] = [CassetteError, CassetteMiss]
livekit_errors: Sequence[type[LiveKitError]] = [ForeignServer, LiveKitUnreachable, NoSuchRoom]


# In a test of the agent.


async def test_rehearses(rehearse: Rehearse) -> None:
    async with rehearse("agent.py", metadata={"tier": "gold"}, llm="cekura.models.yaml") as call:
        assert_type(call, Rehearsal)
    recorded = cassette("booking.yaml", record="once")
    assert_type(recorded, Cassette)
    assert_type(recorded.record, RecordMode | None)
    cassette(Path("booking.yaml"), mode="once")  # type: ignore[call-arg]
    async with rehearse("agent.py", llm=recorded) as call:
        assert_type(await call.greeting(), Turn)
        turn = await call.say("A table for two, please.")
        assert_type(turn.text, str)
        assert_type(turn.expect, RunAssert)
        assert_type(turn.tool_calls, list[ToolCall])
        assert_type(turn.tool_calls[0].arguments, dict[str, Any])
        assert_type(turn.tool_calls[0].is_error, bool)
        assert_type(turn.handoffs, list[Handoff])
        assert_type(turn.handoffs[0].new, Agent)
        assert_type(await call.next_words(), Turn)
        assert_type(call.turns, list[Turn])
        assert_type(call.session, AgentSession[Any])
        assert_type(call.requests, list[ServerRequest])
        assert_type(call.requests[0].name, str)
        assert_type(call.caller, Caller)
        assert_type(call.caller.identity, str)
        assert_type(call.room, MemoryRoom)
        as_livekit_room: rtc.Room = call.room
        call.timeout = 30
        await call.ended()
        await call.hang_up()
        print(as_livekit_room.name)
    rehearse("agent.py", modell="cekura.models.yaml")  # type: ignore[call-arg]
    rehearse(plain)
    rehearse(server)


async def test_scenario(scenario: RehearsedScenario) -> None:
    await scenario.run()
    assert_type(scenario.call, Rehearsal)


# Everything hosted, on this machine.


async def starts_a_sandbox(say: Callable[[str], None]) -> None:
    faults = Faults.model_validate({"starts": {"1": {"lost": True}}})
    assert_type(faults, Faults)
    async with Sandbox(Path("cekura.scenarios.yaml"), say=say, faults=faults) as sandbox:
        assert_type(sandbox, Sandbox)
        assert_type(sandbox.environment, dict[str, str])
        print(len(sandbox.cekura.starts), len(sandbox.cekura.runs))
    Sandbox(Path("cekura.scenarios.yaml"), faults={"reversed": True})  # type: ignore[arg-type]
