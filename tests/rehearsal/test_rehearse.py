"""The fixture `rehearse`, as a test uses it."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    StopResponse,
    WorkerOptions,
    function_tool,
    mock_tools,
)
from livekit.agents.voice.room_io import RoomOptions, TextInputOptions

from cekura_agent_kit import current_call, wrap_entrypoint
from cekura_agent_kit.errors import KitError, MetadataError, RehearsalError, TargetError
from cekura_agent_kit.rehearsal.fixture import Rehearse
from cekura_agent_kit.rehearsal.transcript import report, transcript

from . import restaurant
from .restaurant import Host, RuleModel, Waiter


@pytest.fixture(autouse=True)
def log() -> Iterator[list[str]]:
    restaurant.log.clear()
    yield restaurant.log
    restaurant.log.clear()


async def test_a_call_from_its_greeting_to_its_end(rehearse: Rehearse, log: list[str]) -> None:
    async with rehearse("restaurant.py", metadata={"tier": "gold"}) as call:
        assert (await call.greeting()).text == "Welcome to Luigi's."
        turn = await call.say('book {"guests": 2}')
        turn.expect.contains_function_call(name="book", arguments={"guests": 2})
        assert turn.text == "It is booked for 2, gold"
        assert turn.messages == ["It is booked for 2, gold "]
        (booked,) = turn.tool_calls
        assert (booked.name, booked.arguments, booked.output) == ("book", {"guests": 2}, "booked for 2, gold")
        assert not booked.is_error
        assert 0 < turn.duration < 30
        assert [item.type for item in call.history.items if item.type.startswith("function")] == [
            "function_call",
            "function_call_output",
        ]
        assert isinstance(call.session, AgentSession)
        assert "shutdown: room disconnected" not in log
    assert log[-2:] == ["job restaurant hot", "shutdown: room disconnected"]
    assert call.over


async def test_the_agent_is_in_text_and_proven_so(rehearse: Rehearse) -> None:
    async with rehearse("restaurant.py") as call:
        await call.greeting()
        told = {name: value for name, value in call.room.attributes.items() if name.startswith("cekura.")}
        assert told.pop("cekura.kit")
        assert told.pop("cekura.tests")
        assert told == {"cekura.mode": "text", "cekura.proof": "text-only", "cekura.signed": "true"}
        assert not call.room.local_participant.track_publications


async def test_the_job_is_a_real_one(rehearse: Rehearse) -> None:
    seen: dict[str, Any] = {}

    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        caller = await ctx.wait_for_participant()
        seen.update(
            metadata=json.loads(ctx.job.metadata),
            identity=ctx.token_claims().identity,
            room=(ctx.room.name, ctx.job.room.name, await ctx.room.sid),
            caller=caller.identity,
            call=current_call(),
        )
        await AgentSession[None](llm=RuleModel()).start(Host(), room=ctx.room)

    async with rehearse(entrypoint, metadata={"tier": "gold"}, scenario=30) as call:
        await call.greeting()
    assert seen["metadata"]["tier"] == "gold"
    assert seen["metadata"]["text_mode"] is True
    assert seen["identity"] == "agent"
    assert seen["room"][0] == seen["room"][1] == call.room.name
    assert seen["caller"] == "caller"
    assert (seen["call"].scenario_id, seen["call"].mode) == (30, "text")


async def test_prewarm_runs_once_a_session_of_pytest(rehearse: Rehearse, log: list[str]) -> None:
    for _ in range(3):
        async with rehearse(restaurant.server) as call:
            await call.greeting()
    assert log.count("prewarm") <= 1
    assert log.count("job restaurant hot") == 3


@pytest.mark.parametrize(
    "target",
    [
        restaurant.server,
        restaurant.entrypoint,
        "restaurant.py",
        "restaurant.py:server",
        "restaurant.py:entrypoint",
        "rehearsal/restaurant.py",
        wrap_entrypoint(restaurant.entrypoint),
        WorkerOptions(entrypoint_fnc=restaurant.entrypoint, prewarm_fnc=restaurant.prewarm),
    ],
    ids=["server", "entrypoint", "file", "file:server", "file:entrypoint", "from above", "wrapped", "options"],
)
async def test_targets(rehearse: Rehearse, target: object) -> None:
    async with rehearse(target) as call:
        assert (await call.greeting()).text == "Welcome to Luigi's."


async def test_the_metadata_may_be_text(rehearse: Rehearse) -> None:
    async with rehearse("restaurant.py", metadata='{"greeting": "Ciao."}') as call:
        assert (await call.greeting()).text == "Ciao."


@pytest.mark.parametrize(
    ("target", "options", "says"),
    [
        ("nowhere.py", {}, r"nowhere\.py: there is no such file in .*tests/rehearsal"),
        ("restaurant.py:chef", {}, r"restaurant\.py has no 'chef'"),
        ("worlds.py", {}, r"worlds\.py has no AgentServer"),
        (AgentServer(), {}, "has no entrypoint"),
        (42, {}, "42 is not an agent"),
        ("restaurant.py", {"mode": "voice"}, "mode='voice': a rehearsal is in text"),
        ("restaurant.py", {"metadata": "tier gold"}, "metadata 'tier gold' is not a JSON object"),
        ("restaurant.py", {"llm": "nowhere.yaml"}, r"nowhere\.yaml: there is no such file"),
        ("restaurant.py", {"llm": 42}, "llm=42 is not a model"),
    ],
)
async def test_what_cannot_be_rehearsed(rehearse: Rehearse, target: Any, options: Any, says: str) -> None:
    with pytest.raises(KitError, match=says) as refused:
        async with rehearse(target, **options):
            pass
    assert len(refused.value.hint.split()) > 3


async def test_a_file_says_what_could_be_meant(rehearse: Rehearse) -> None:
    with pytest.raises(TargetError) as refused:
        async with rehearse("restaurant.py:chef"):
            pass
    assert refused.value.hint == 'name one: "restaurant.py:server" or "restaurant.py:entrypoint"'


async def test_reserved_metadata_is_refused(rehearse: Rehearse) -> None:
    with pytest.raises(MetadataError, match="metadata sets 'cekura'"):
        rehearse("restaurant.py", metadata={"cekura": {}})


async def test_words_said_without_waiting_for_the_greeting_come_after_it(rehearse: Rehearse) -> None:
    async with rehearse("restaurant.py") as call:
        turn = await call.say("good evening")
        assert turn.text == "You said good evening"
        assert [turn.said for turn in call.turns] == [None, "good evening"]
        assert (await call.greeting()).text == "Welcome to Luigi's."


async def test_a_greeting_that_comes_after_the_start_belongs_to_it(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        session = AgentSession[None](llm=RuleModel())
        await session.start(Host("One."), room=ctx.room)
        await asyncio.sleep(0.05)
        session.say("Two.")
        await ctx.wait_for_participant()
        await session.say("Three.")

    async with rehearse(entrypoint) as call:
        assert (await call.greeting()).text == "One. Two. Three."
        assert (await call.say("hi")).text == "You said hi"


async def test_an_entrypoint_that_never_returns_is_spoken_to(rehearse: Rehearse) -> None:
    cancelled = asyncio.Event()

    async def entrypoint(ctx: JobContext) -> None:
        await AgentSession[None](llm=RuleModel()).start(Host(), room=ctx.room)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with rehearse(entrypoint) as call:
        assert (await call.greeting()).text == "Welcome to Luigi's."
        assert (await call.say("hi")).text == "You said hi"
    assert cancelled.is_set()


async def test_an_agent_without_a_greeting_has_an_empty_one(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        await AgentSession[None](llm=RuleModel()).start(Agent(instructions=""), room=ctx.room)

    async with rehearse(entrypoint) as call:
        assert (await call.greeting()).text == ""
        assert (await call.say("hi")).text == "You said hi"


async def test_a_handoff_is_part_of_its_turn(rehearse: Rehearse) -> None:
    async with rehearse("restaurant.py") as call:
        turn = await call.say("seat")
        assert turn.text == "I am your waiter."
        (handoff,) = turn.handoffs
        assert (type(handoff.old), type(handoff.new)) == (Host, Waiter)
        turn.expect.contains_agent_handoff(new_agent_type=Waiter)
        assert (await call.say('order {"dish": "pasta"}')).text == "It is ordered: pasta"


async def test_tools_are_mocked(rehearse: Rehearse) -> None:
    async with rehearse("restaurant.py") as call:
        await call.greeting()
        with mock_tools(Host, {"book": lambda: "full"}):
            assert (await call.say('book {"guests": 2}')).text == "It is full"
        assert (await call.say('book {"guests": 2}')).text == "It is booked for 2, plain"
        with mock_tools(Waiter, {"order": lambda dish: f"no {dish} today"}):
            await call.say("seat")
            assert (await call.say('order {"dish": "pasta"}')).text == "It is no pasta today"


async def test_tools_are_mocked_from_the_begin(rehearse: Rehearse) -> None:
    with mock_tools(Host, {"book": lambda: "full"}):
        async with rehearse("restaurant.py") as call:
            assert (await call.say('book {"guests": 2}')).text == "It is full"


async def test_a_tool_that_fails_is_an_error(rehearse: Rehearse) -> None:
    async with rehearse("restaurant.py") as call:
        (failed,) = (await call.say("fail")).tool_calls
        assert failed.is_error
        assert str(failed).startswith("fail() -> failed: ")
        shown = report(call)
        assert "raised ZeroDivisionError: the diary is on fire (" in shown
        line = inspect.getsourcelines(Host.fail)[1] + 3
        assert f"restaurant.py:{line})" in shown


async def test_an_exception_has_no_secret_and_a_good_call_no_exception(rehearse: Rehearse) -> None:
    class Careless(Agent):
        @function_tool
        async def pay(self, ok: bool) -> str:
            """Pay."""
            if ok:
                return "paid"
            raise PermissionError(f"refused the key {os.environ['BANK_API_KEY']}")

        @function_tool
        async def stop(self) -> None:
            """Stop."""
            raise StopResponse

    async def entrypoint(ctx: JobContext) -> None:
        await AgentSession[None](llm=RuleModel()).start(Careless(instructions=""), room=ctx.room)

    async with rehearse(entrypoint, env={"BANK_API_KEY": "bk-0123456789"}) as call:
        await call.say('pay {"ok": false}')
        await call.say('pay {"ok": true}')
        await call.say("stop")
        failed, paid, *stopped = [line for line in transcript(call) if line.role == "tool"]
    assert failed.exception == "PermissionError: refused the key …"
    assert failed.place.startswith("tests/rehearsal/test_rehearse.py:")
    assert (paid.exception, paid.place, paid.output) == ("", "", "paid")
    # 1.6.0 has such a call in no history.
    assert {(line.exception, line.is_error) for line in stopped} <= {("", False)}


async def test_a_turn_without_a_reply_ends(rehearse: Rehearse) -> None:
    class Silent(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            raise StopResponse

    async def entrypoint(ctx: JobContext) -> None:
        await AgentSession[None](llm=RuleModel()).start(Silent(instructions=""), room=ctx.room)

    async with rehearse(entrypoint) as call:
        turn = await call.say("hi")
        assert (turn.text, turn.tool_calls) == ("", [])


async def test_a_model_in_the_place_of_all_models(rehearse: Rehearse) -> None:
    class Own(Agent):
        async def on_enter(self) -> None:
            await self.session.generate_reply()

        @function_tool
        async def next(self) -> Agent:
            """Hand over."""
            return Own(instructions="", llm=RuleModel("next: "))

    async def entrypoint(ctx: JobContext) -> None:
        session = AgentSession[None](llm=RuleModel("session: "))
        await session.start(Own(instructions="", llm=RuleModel("agent: ")), room=ctx.room)

    async with rehearse(entrypoint) as call:
        assert (await call.greeting()).text == "agent: Hello"
    async with rehearse(entrypoint, llm=RuleModel("ours: ")) as call:
        assert (await call.greeting()).text == "ours: Hello"
        assert (await call.say("hi")).text == "ours: You said hi"
        assert (await call.say("next")).text == "ours: Hello"
        assert (await call.say("hi")).text == "ours: You said hi"


async def test_an_exception_of_the_text_callback_fails_the_test(rehearse: Rehearse) -> None:
    async def take(session: AgentSession[None], event: Any) -> None:
        raise ZeroDivisionError(event.text)

    async def entrypoint(ctx: JobContext) -> None:
        options = RoomOptions(text_input=TextInputOptions(text_input_cb=take))
        await AgentSession[None](llm=RuleModel()).start(Host(), room=ctx.room, room_options=options)

    async with rehearse(entrypoint) as call:
        with pytest.raises(ZeroDivisionError, match="hi"):
            await call.say("hi")


async def test_plugins_that_insist_on_a_key_are_made(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    openai = pytest.importorskip("livekit.plugins.openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    async def entrypoint(ctx: JobContext) -> None:
        session = AgentSession[None](llm=openai.LLM(), stt=openai.STT(), tts=openai.TTS())
        assert os.environ["MY_OWN"] == "value"
        await session.start(Host(), room=ctx.room)

    async with rehearse(entrypoint, llm=RuleModel(), env={"MY_OWN": "value"}) as call:
        assert (await call.say("hi")).text == "You said hi"
    assert "OPENAI_API_KEY" not in os.environ
    assert "MY_OWN" not in os.environ


async def test_a_key_that_is_missing_is_reported_with_the_option(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        raise ValueError("ACME_API_KEY is required")

    with pytest.raises(ValueError, match="ACME_API_KEY is required") as raised:
        async with rehearse(entrypoint):
            pass
    assert raised.value.__notes__ == ['a rehearsal sets it with rehearse(…, env={"ACME_API_KEY": "placeholder"})']


@pytest.mark.parametrize("when", ["at once", "connected", "started", "later"])
async def test_an_exception_of_the_entrypoint_fails_the_test(rehearse: Rehearse, when: str) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        if when == "at once":
            raise ZeroDivisionError(when)
        await ctx.connect()
        if when == "connected":
            raise ZeroDivisionError(when)
        session = AgentSession[None](llm=RuleModel())
        await session.start(Host(), room=ctx.room)
        if when == "later":
            await asyncio.sleep(0.05)
        raise ZeroDivisionError(when)

    with pytest.raises(ZeroDivisionError, match=when) as raised:  # noqa: PT012
        async with rehearse(entrypoint) as call:
            await call.greeting()
            await call.say("hi")
    assert raised.traceback[-1].name == "entrypoint"


async def test_a_failing_shutdown_callback_fails_the_test(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        async def fail() -> None:
            raise ZeroDivisionError("at the end")

        ctx.add_shutdown_callback(fail)
        await AgentSession[None](llm=RuleModel()).start(Host(), room=ctx.room)

    with pytest.raises(ZeroDivisionError, match="at the end"):
        async with rehearse(entrypoint) as call:
            await call.greeting()


async def test_the_tests_own_failure_is_the_one_that_counts(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        async def fail() -> None:
            raise ZeroDivisionError("at the end")

        ctx.add_shutdown_callback(fail)
        await AgentSession[None](llm=RuleModel()).start(Host(), room=ctx.room)

    with pytest.raises(AssertionError, match="the test's own"):
        async with rehearse(entrypoint):
            raise AssertionError("the test's own")


async def test_hanging_up_ends_the_job(rehearse: Rehearse, log: list[str]) -> None:
    async with rehearse("restaurant.py") as call:
        await call.greeting()
        await call.hang_up()
        assert log[-1] == "shutdown: room disconnected"
        with pytest.raises(RehearsalError, match="the call is over: room disconnected"):
            await call.say("hello?")
    assert log.count("shutdown: room disconnected") == 1


async def test_the_agent_may_end_the_call(rehearse: Rehearse, log: list[str]) -> None:
    async with rehearse("restaurant.py") as call:
        turn = await call.say("goodbye")
        assert [each.name for each in turn.tool_calls] == ["goodbye"]
        assert call.over
        with pytest.raises(RehearsalError, match="the call is over: said goodbye"):
            await call.say("hello?")
    assert log[-1] == "shutdown: said goodbye"


async def test_deleting_the_room_ends_the_call(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        session = AgentSession[None](llm=RuleModel())
        await session.start(Host(), room=ctx.room)
        await ctx.wait_for_participant()
        await session.say("Goodbye.")
        await ctx.delete_room()

    async with rehearse(entrypoint) as call:
        assert (await call.greeting()).text == "Welcome to Luigi's. Goodbye."
        with pytest.raises(RehearsalError, match="the call is over: room disconnected"):
            await call.say("hello?")


async def test_a_data_message_reaches_the_agent(rehearse: Rehearse) -> None:
    received: list[Any] = []

    async def entrypoint(ctx: JobContext) -> None:
        call = current_call()
        assert call is not None
        call.on_data_message(lambda message: received.append((message.payload, message.topic)))
        ctx.room.on("data_received", lambda packet: received.append(packet.data))
        await AgentSession[None](llm=RuleModel()).start(Host(), room=ctx.room)

    async with rehearse(entrypoint) as call:
        await call.greeting()
        await call.send_data({"order": 1}, topic="orders")
        await call.send_data(b"raw", topic="bytes")
        await call.say("hi")
    assert ({"order": 1}, "orders") in received
    assert b"raw" in received


async def test_a_turn_that_does_not_end_says_where_it_waits(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        await ctx.connect()
        await asyncio.Event().wait()

    with pytest.raises(
        RehearsalError, match=r"has not started a session within 1 s; entrypoint waits at test_rehearse\.py:\d+"
    ):
        async with rehearse(entrypoint, timeout=1):
            pass


async def test_on_request_answers_for_the_job(rehearse: Rehearse) -> None:
    identities: list[str] = []

    async def entrypoint(ctx: JobContext) -> None:
        identities.append(ctx.token_claims().identity)
        await AgentSession[None](llm=RuleModel()).start(Host(), room=ctx.room)

    async def accept(request: Any) -> None:
        await request.accept(identity="luigi", name="Luigi", metadata="m", attributes={"desk": "front"})

    async def refuse(request: Any) -> None:
        await request.reject()

    accepting, refusing = AgentServer(), AgentServer()
    accepting.rtc_session(entrypoint, on_request=accept)
    refusing.rtc_session(entrypoint, on_request=refuse)
    async with rehearse(accepting) as call:
        agent = call.room.local_participant
        assert (agent.identity, agent.name, agent.metadata) == ("luigi", "Luigi", "m")
        assert call.room.attributes["desk"] == "front"
        assert (await call.greeting()).text == "Welcome to Luigi's."
        assert identities == ["luigi"]
    with pytest.raises(RehearsalError, match="on_request did not accept the job"):
        async with rehearse(refusing):
            pass


async def test_two_calls_at_once(rehearse: Rehearse) -> None:
    one, two = (rehearse("restaurant.py", metadata={"greeting": greeting}) for greeting in ("One.", "Two."))
    async with one, two:
        greetings = await asyncio.gather(one.greeting(), two.greeting())
        assert [greeting.text for greeting in greetings] == ["One.", "Two."]
        turns = await asyncio.gather(one.say("first"), two.say("second"))
        assert [turn.text for turn in turns] == ["You said first", "You said second"]


async def test_words_that_the_agent_says_by_itself(rehearse: Rehearse) -> None:
    remind = asyncio.Event()

    class Patient(Host):
        @function_tool
        async def wait(self) -> str:
            """Wait."""
            self.reminder = asyncio.create_task(self.remind())
            return "fine"

        async def remind(self) -> None:
            await remind.wait()
            self.session.say("Are you still there?")

    async def entrypoint(ctx: JobContext) -> None:
        await AgentSession[None](llm=RuleModel()).start(Patient(), room=ctx.room)

    async with rehearse(entrypoint) as call:
        await call.say("wait")
        asyncio.get_running_loop().call_later(0.05, remind.set)
        turn = await call.next_words()
        assert (turn.said, turn.text, turn.messages) == (None, "Are you still there?", ["Are you still there?"])
        assert call.turns[-1] is turn
        call.session.say("I have said this already.")
        await call.room.until(lambda: len(call.heard) == 4 and call.heard[-1].closed)
        assert (await call.next_words()).text == "I have said this already."
        assert (await call.say("hi")).text == "You said hi"


async def test_words_that_do_not_come_by_themselves(rehearse: Rehearse) -> None:
    async with rehearse("restaurant.py") as call:
        await call.greeting()
        call.timeout = 0.3
        with pytest.raises(RehearsalError, match=r"the agent said nothing by itself within 0\.3 s"):
            await call.next_words()
    async with rehearse("restaurant.py") as call:
        await call.greeting()
        asyncio.get_running_loop().call_later(0.05, call.caller.leave)
        with pytest.raises(RehearsalError, match="the call is over"):
            await call.next_words()


async def test_a_method_of_the_agents_is_called(rehearse: Rehearse) -> None:
    async def entrypoint(ctx: JobContext) -> None:
        session = AgentSession[None](llm=RuleModel())
        await session.start(Host(), room=ctx.room)

        @ctx.room.local_participant.register_rpc_method("end_turn")  # type: ignore[arg-type]
        async def end_turn(invocation: Any) -> str:
            current = current_call()
            assert current is not None
            await session.say(f"Heard, {current.metadata['tier']}.")
            return "done"

    async with rehearse(entrypoint, metadata={"tier": "gold"}) as call:
        await call.greeting()
        assert await call.caller.perform_rpc("end_turn") == "done"
        assert (await call.next_words()).text == "Heard, gold."


def test_without_asyncio_it_is_refused(rehearse: Rehearse) -> None:
    begin = rehearse("restaurant.py").__aenter__()
    with pytest.raises(RehearsalError, match="livekit-agents runs on asyncio alone") as refused:
        begin.send(None)
    assert "trio" in refused.value.hint
