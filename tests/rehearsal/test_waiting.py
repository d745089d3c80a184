"""Sessions that start late, and agents that wait or block: waited for, or named with the line."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, JobContext, RunContext, function_tool
from livekit.agents.voice.run_result import RunResult

from cekura_agent_kit.errors import RehearsalError, SessionMissing
from cekura_agent_kit.rehearsal.fixture import Rehearse

from .restaurant import Host, RuleModel

SHORT = 0.3
"""Seconds for what will not come; set once the agent has started."""
BLOCKED = 1.0
"""Seconds after which a blocked loop is interrupted: enough for an agent to start on a busy machine."""


def line_of(function: Callable[..., Any], offset: int) -> str:
    return f"test_waiting.py:{function.__code__.co_firstlineno + offset}"


def session() -> AgentSession[None]:
    return AgentSession[None](llm=RuleModel())


# Sessions that something else than the entrypoint starts.


async def by_a_participants_entrypoint(ctx: JobContext) -> None:
    async def serve(ctx: JobContext, participant: rtc.RemoteParticipant) -> None:
        await asyncio.sleep(0.05)
        await session().start(Host(), room=ctx.room)
        await asyncio.sleep(0.05)
        await ctx.room.local_participant.set_attributes({"served": participant.identity})

    ctx.add_participant_entrypoint(serve)
    await ctx.connect()


async def by_a_handler(ctx: JobContext) -> None:
    tasks = ctx.proc.userdata.setdefault("tasks", [])

    async def serve() -> None:
        await asyncio.sleep(0.05)
        await session().start(Host(), room=ctx.room)

    ctx.room.on("participant_connected", lambda participant: tasks.append(asyncio.create_task(serve())))
    await ctx.connect()


async def by_a_task(ctx: JobContext) -> None:
    async def serve() -> None:
        await asyncio.sleep(0.05)
        started = session()
        await started.start(Host(), room=ctx.room)
        await started.say("How may I help?")

    await ctx.connect()
    ctx.proc.userdata["task"] = asyncio.create_task(serve())


@pytest.mark.parametrize("entrypoint", [by_a_participants_entrypoint, by_a_handler, by_a_task])
async def test_a_session_that_a_task_starts_is_waited_for(rehearse: Rehearse, entrypoint: Any) -> None:
    async with rehearse(entrypoint) as call:
        greeting = await call.greeting()
        assert greeting.text.startswith("Welcome to Luigi's.")
        assert greeting.text.endswith("How may I help?") or entrypoint is not by_a_task
        assert (await call.say("hi")).text == "You said hi"
    async with rehearse(entrypoint) as call:
        assert (await call.say("hi")).text == "You said hi"


async def test_a_packet_may_start_the_session(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        tasks = ctx.proc.userdata.setdefault("tasks", [])
        ctx.room.on(
            "data_received",
            lambda packet: tasks.append(asyncio.create_task(session().start(Host(), room=ctx.room))),
        )
        await ctx.connect()

    async with rehearse(entrypoint) as call:
        await call.send_data("begin")
        assert (await call.greeting()).text == "Welcome to Luigi's."


async def test_a_session_that_nothing_starts_is_not_waited_for(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()

    with pytest.raises(SessionMissing, match="the entrypoint returned without a session"):
        async with rehearse(entrypoint, timeout=1000) as call:
            await call.greeting()


async def test_a_session_that_does_not_come_is_named_with_what_was_waited_for(rehearse: Rehearse) -> None:
    async def heartbeat() -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(1)

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        ctx.proc.userdata["task"] = asyncio.create_task(heartbeat())

    async with rehearse(entrypoint) as call:
        call.timeout = SHORT
        with pytest.raises(RehearsalError, match=r"no session has started within 0\.\d+ s") as raised:
            await call.greeting()
        assert f"heartbeat waits at {line_of(heartbeat, 2)}" in str(raised.value)


# What waits.


async def test_a_hook_that_hangs_is_named(rehearse: Rehearse) -> None:
    class Hanging(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            await asyncio.Event().wait()

    async def entrypoint(ctx: JobContext) -> None:
        await session().start(Hanging(instructions=""), room=ctx.room)

    async with rehearse(entrypoint) as call:
        call.timeout = SHORT
        with pytest.raises(RehearsalError) as raised:
            await call.say("hi")
        line = line_of(Hanging.on_user_turn_completed, 1)
        assert f"on_user_turn_completed waits at {line}" in str(raised.value)
        assert "cekura_agent_kit" not in str(raised.value)
        assert "more time would not help" in raised.value.hint


async def test_a_tool_that_is_slow_is_named_and_may_be_given_time(rehearse: Rehearse) -> None:
    class Slow(Agent):
        @function_tool
        async def look_up(self) -> str:
            """Look up."""
            await asyncio.sleep(60)
            return "found"

    async def entrypoint(ctx: JobContext) -> None:
        await session().start(Slow(instructions=""), room=ctx.room)

    with pytest.raises(RehearsalError, match=r"the session did not close within 0\.3 s"):  # noqa: PT012
        async with rehearse(entrypoint) as call:
            call.timeout = SHORT
            with pytest.raises(RehearsalError, match=r"the turn did not end within 0\.3 s; look_up waits at") as raised:
                await call.say("look_up")
            assert "give more time" in raised.value.hint


async def test_an_agent_that_handles_the_words_itself_is_named(rehearse: Rehearse) -> None:
    def on_chat(reader: rtc.TextStreamReader, identity: str) -> None: ...

    async def entrypoint(ctx: JobContext) -> None:
        ctx.room.register_text_stream_handler("lk.chat", on_chat)
        await session().start(Host(), room=ctx.room)

    async with rehearse(entrypoint) as call:
        await call.greeting()
        with pytest.raises(RehearsalError, match=r"the agent handles the text streams of lk\.chat itself") as raised:
            await call.say("hi")
        assert f"({line_of(on_chat, 0)} " in str(raised.value)


async def test_a_session_that_runs_itself(rehearse: Rehearse) -> None:
    class Running(Host):
        @function_tool
        async def think(self, context: RunContext[Any]) -> str:
            """Think."""
            self.result: RunResult[None] = context.session.run(user_input="aloud")
            return "thought"

    agent = Running()

    async def entrypoint(ctx: JobContext) -> None:
        started = session()
        await started.start(agent, room=ctx.room)
        result: RunResult[None] = await started.run(user_input="good evening")
        result.expect.contains_message(role="assistant")

    async with rehearse(entrypoint) as call:
        greeting = await call.greeting()
        assert greeting.text == "Welcome to Luigi's. You said good evening"
        turn = await call.say("think")
        assert "You said aloud" in turn.text
        assert agent.result.done()
        agent.result.expect.contains_message(role="assistant")


async def test_a_start_that_the_agent_records_itself(rehearse: Rehearse) -> None:
    recorded: list[Any] = []

    async def entrypoint(ctx: JobContext) -> None:
        result = await session().start(Host(), room=ctx.room, capture_run=True)
        recorded.append(result)

    async def silent(ctx: JobContext) -> None:
        recorded.append(await session().start(Agent(instructions=""), room=ctx.room, capture_run=True))

    async with rehearse(entrypoint) as call:
        assert (await call.greeting()).messages == ["Welcome to Luigi's."]
        recorded[0].expect.contains_message(role="assistant")
        assert (await call.say("hi")).text == "You said hi"
    async with rehearse(silent) as call:
        assert (await call.greeting()).text == ""
        assert recorded[1].done()


# What blocks.


async def test_an_endless_loop_is_interrupted_and_named(rehearse: Rehearse) -> None:
    def spin() -> None:
        while True:
            pass

    async def entrypoint(ctx: JobContext) -> None:
        await session().start(Host(), room=ctx.room)
        spin()

    with pytest.raises(RehearsalError, match=r"test_waiting\.py:\d+ in spin has kept the event loop") as raised:
        async with rehearse(entrypoint, timeout=BLOCKED) as call:
            await call.greeting()
    assert "asyncio.to_thread" in raised.value.hint


async def test_a_call_that_sleeps_in_a_task_is_interrupted(rehearse: Rehearse) -> None:
    async def poll() -> None:
        await asyncio.sleep(0)
        with contextlib.suppress(Exception):
            time.sleep(600)  # noqa: ASYNC251

    async def entrypoint(ctx: JobContext) -> None:
        ctx.proc.userdata["task"] = asyncio.create_task(poll())
        await session().start(Host(), room=ctx.room)

    before = signal.getsignal(signal.SIGUSR2)
    with pytest.raises(RehearsalError, match=rf"{line_of(poll, 3)} in poll has kept"):
        async with rehearse(entrypoint, timeout=BLOCKED) as call:
            await call.say("hi")
    assert signal.getsignal(signal.SIGUSR2) is before
    assert not [each for each in threading.enumerate() if each.name == "cekura_watchdog"]


async def test_a_test_that_blocks_is_left_alone(rehearse: Rehearse) -> None:
    async with rehearse("restaurant.py", timeout=BLOCKED) as call:
        await call.greeting()
        call.timeout = 30
        time.sleep(BLOCKED + 1)  # noqa: ASYNC251
        assert (await call.say("hi")).text == "You said hi"


def test_in_a_thread_python_code_is_interrupted(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        while True:
            time.sleep(0.01)  # noqa: ASYNC251

    errors: list[BaseException] = []

    async def rehearsed() -> None:
        async with rehearse(entrypoint, timeout=BLOCKED):
            pass

    def run() -> None:
        try:
            asyncio.run(rehearsed())
        except RehearsalError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert re.search(r"in entrypoint has kept the event loop", str(errors[0]))


def test_a_debugger_is_left_alone() -> None:
    from cekura_agent_kit.rehearsal import watchdog

    code = compile("import sys\nframe = sys._getframe()", "/lib/python/pdb.py", "exec")
    space: dict[str, Any] = {}
    exec(code, space)
    assert watchdog._is_debugged(space["frame"])
    assert not watchdog._is_debugged(sys._getframe())
