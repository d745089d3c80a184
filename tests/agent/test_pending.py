"""An entrypoint that returned without a session: refused if nothing of it could still start one, and only then."""

from __future__ import annotations

import asyncio
import functools
import queue
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import ClientSession, web
from livekit import rtc
from livekit.agents import Agent, AgentSession, JobContext

from cekura_agent_kit.contract import PROOF_ATTRIBUTE, TEXT_ONLY
from cekura_agent_kit.errors import SessionMissing
from cekura_agent_kit.rehearsal.fixture import Rehearse
from tests.shapes.models import InstantLLM

Start = Callable[[], Coroutine[Any, Any, Any]]
Leave = Callable[[JobContext, Start], Coroutine[Any, Any, object]]


class Greeter(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")

    async def on_enter(self) -> None:
        self.session.say("Hello.")


async def task_of_start(ctx: JobContext, start: Start) -> object:
    return asyncio.create_task(start())


async def gathered(ctx: JobContext, start: Start) -> object:
    return asyncio.gather(ctx.connect(), start())


async def task_of_its_own(ctx: JobContext, start: Start) -> object:
    async def later() -> None:
        await ctx.wait_for_participant()
        await start()

    return asyncio.create_task(later())


async def after_a_wait_of_livekit_s(ctx: JobContext, start: Start) -> object:
    waiting = asyncio.create_task(ctx.wait_for_participant())
    waiting.add_done_callback(lambda _: _start_soon(start))
    return waiting


async def timer(ctx: JobContext, start: Start) -> object:
    return asyncio.get_running_loop().call_later(0.01, _start_soon, start)


async def timer_with_partial(ctx: JobContext, start: Start) -> object:
    return asyncio.get_running_loop().call_later(0.01, functools.partial(_start_soon, start))


async def next_step_of_the_loop(ctx: JobContext, start: Start) -> object:
    return asyncio.get_running_loop().call_soon(_start_soon, start)


async def participant_entrypoint(ctx: JobContext, start: Start) -> object:
    async def on_participant(ctx: JobContext, _: rtc.RemoteParticipant) -> None:
        await start()

    ctx.add_participant_entrypoint(on_participant)
    return on_participant


async def handler_of_the_room(ctx: JobContext, start: Start) -> object:
    return ctx.room.on("participant_connected", lambda _: _start_soon(start))


LEFT: list[Leave] = [
    task_of_start,
    gathered,
    task_of_its_own,
    after_a_wait_of_livekit_s,
    timer,
    timer_with_partial,
    next_step_of_the_loop,
    participant_entrypoint,
    handler_of_the_room,
]

_running: set[object] = set()


def _start_soon(start: Start) -> None:
    _running.add(asyncio.get_running_loop().create_task(start()))


def _start_of(ctx: JobContext) -> Start:
    return lambda: AgentSession(llm=InstantLLM()).start(Greeter(), room=ctx.room)


@pytest.mark.parametrize("leave", LEFT, ids=lambda leave: leave.__name__)
async def test_what_could_start_a_session_is_waited_for(rehearse: Rehearse, leave: Leave) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        if leave is not participant_entrypoint:
            await ctx.connect()
        _running.add(await leave(ctx, _start_of(ctx)))
        await ctx.connect()

    async with rehearse(entrypoint) as call:
        await call.room.until(lambda: "Hello." in [text.text for text in call.room.texts])


async def test_a_thread_that_could_start_a_session_is_waited_for(rehearse: Rehearse) -> None:
    released = threading.Event()

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        loop, start = asyncio.get_running_loop(), _start_of(ctx)

        def work() -> None:
            released.wait(60)
            loop.call_soon_threadsafe(_start_soon, start)

        _running.add(loop.run_in_executor(None, work))

    try:
        async with rehearse(entrypoint) as call:
            released.set()
            await call.room.until(lambda: "Hello." in [text.text for text in call.room.texts])
    finally:
        released.set()


@pytest.mark.parametrize("kind", ["rpc", "text", "bytes"])
async def test_what_the_caller_can_call_is_waited_for(rehearse: Rehearse, kind: str) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()

        async def on_rpc(_: rtc.RpcInvocationData) -> str:
            return "ok"

        if kind == "rpc":
            ctx.room.local_participant.register_rpc_method("begin", on_rpc)
        elif kind == "text":
            ctx.room.register_text_stream_handler("begin", lambda *_: None)
        else:
            ctx.room.register_byte_stream_handler("begin", lambda *_: None)

    async with rehearse(entrypoint):
        pass


async def nothing(ctx: JobContext) -> None:
    pass


async def question_to_a_thread(ctx: JobContext) -> None:
    await asyncio.to_thread(socket.getaddrinfo, "127.0.0.1", 80)


async def request_to_a_service(ctx: JobContext) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="no such tenant")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as http, http.get(f"http://127.0.0.1:{runner.addresses[0][1]}/") as found:
            await found.read()
    finally:
        await runner.cleanup()


async def timer_that_was_cancelled(ctx: JobContext) -> None:
    asyncio.get_running_loop().call_later(60, _start_soon, _start_of(ctx)).cancel()


async def task_that_has_ended(ctx: JobContext) -> None:
    await asyncio.create_task(asyncio.sleep(0))


@pytest.mark.parametrize(
    "before",
    [nothing, question_to_a_thread, request_to_a_service, timer_that_was_cancelled, task_that_has_ended],
    ids=lambda before: before.__name__,
)
async def test_an_entrypoint_that_left_nothing_is_refused(rehearse: Rehearse, before: Any) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        await before(ctx)

    with pytest.raises(SessionMissing, match="the entrypoint returned without a session"):
        async with rehearse(entrypoint) as call:
            await call.greeting()


async def test_a_thread_that_still_hands_over_its_result_is_no_work(rehearse: Rehearse) -> None:
    asked, released = threading.Event(), queue.SimpleQueue[None]()

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        question = executor.submit(asked.wait)
        answer = asyncio.wrap_future(question)
        # Called after the answer is known here, and in C: so no line of the agent's own is being run.
        question.add_done_callback(released.get)  # type: ignore[arg-type]
        asked.set()
        await answer

    with ThreadPoolExecutor() as executor:
        try:
            with pytest.raises(SessionMissing, match="the entrypoint returned without a session"):
                async with rehearse(entrypoint) as call:
                    await call.greeting()
        finally:
            asked.set()
            released.put(None)


async def test_a_thread_that_calls_back_with_its_result_is_waited_for(rehearse: Rehearse) -> None:
    asked, released = threading.Event(), threading.Event()

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        loop, start = asyncio.get_running_loop(), _start_of(ctx)

        def begin(_: object) -> None:
            released.wait(60)
            loop.call_soon_threadsafe(_start_soon, start)

        question = executor.submit(asked.wait)
        answer = asyncio.wrap_future(question)
        question.add_done_callback(begin)
        asked.set()
        await answer

    with ThreadPoolExecutor() as executor:
        try:
            async with rehearse(entrypoint) as call:
                released.set()
                await call.room.until(lambda: "Hello." in [text.text for text in call.room.texts])
        finally:
            asked.set()
            released.set()


async def test_the_proof_does_not_wait_for_an_answer_that_was_lost(
    rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cekura_agent_kit.rehearsal.room.participant import AgentParticipant

    original = AgentParticipant.set_attributes
    calls = 0

    async def set_attributes(self: AgentParticipant, attributes: dict[str, str]) -> None:
        nonlocal calls
        calls += 1
        await original(self, attributes)
        if calls == 1:
            # The SDK misses some answers of a busy server, and waits for each.
            await asyncio.Event().wait()

    monkeypatch.setattr(AgentParticipant, "set_attributes", set_attributes)

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        await AgentSession(llm=InstantLLM()).start(Greeter(), room=ctx.room)

    async with rehearse(entrypoint) as call:
        await call.greeting()
        assert calls > 1
        assert call.room.local_participant.attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY
