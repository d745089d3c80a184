"""Checks that the agent's own code makes, in a rehearsal, in a test that is not signed, and in a real call."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, function_tool

from cekura_agent_kit import check, fail, wrap_entrypoint
from cekura_agent_kit.agent.options import UNDER_TEST
from cekura_agent_kit.rehearsal.fixture import Rehearse
from tests.shapes.models import InstantLLM

HERE = Path(__file__).name


async def has_booking() -> bool:
    return False


class Unsure:
    def __bool__(self) -> bool:
        raise ValueError("neither true nor false")


class Host(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="")

    async def on_enter(self) -> None:
        check("it greets", True)

    @function_tool
    async def book(self) -> str:
        """Book."""
        check("the calendar has the booking", [], "nothing at 19:00")
        return "booked"

    @function_tool
    async def charge(self) -> str:
        """Charge."""
        fail("the card was charged twice")
        return "charged"

    @function_tool
    async def confirm(self) -> str:
        """Confirm."""
        check("it is confirmed", 1, "by mail")
        await asyncio.to_thread(check, "also in a thread", True)
        return "confirmed"

    @function_tool
    async def slip(self, which: str) -> str:
        """Make a check that could not fail."""
        slips: dict[str, Any] = {"call": "x".isalpha, "bool": Unsure()}
        if which == "await":
            check("it is booked", has_booking())
        else:
            check("" if which == "name" else "it is booked", slips.get(which, True))
        return "done"


async def entrypoint(ctx: JobContext) -> None:
    session: AgentSession[Any] = AgentSession(llm=InstantLLM())
    await session.start(Host(), room=ctx.room)


server = AgentServer()


async def look_back(ctx: JobContext) -> None:
    check("it was cheap", False, "3 calls of the model")


@server.rtc_session(agent_name="looks-back", on_session_end=look_back)
@wrap_entrypoint
async def looks_back(ctx: JobContext) -> None:
    await entrypoint(ctx)
    ctx.add_shutdown_callback(too_late)


async def too_late() -> None:
    check("in a shutdown callback", False)


def line_of(error: BaseException) -> str:
    """The last line of an error's traceback: where pytest says that the test failed."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    assert Path(last.filename).name == HERE
    return last.line or ""


async def test_a_check_that_fails_fails_the_rehearsal_at_its_line(rehearse: Rehearse) -> None:
    with pytest.raises(AssertionError) as raised:
        async with rehearse(entrypoint) as call:
            await call.say("call book")
    assert str(raised.value) == "the agent's check failed: the calendar has the booking (nothing at 19:00)"
    assert line_of(raised.value) == 'check("the calendar has the booking", [], "nothing at 19:00")'


async def test_fail_fails_the_rehearsal_at_its_line(rehearse: Rehearse) -> None:
    with pytest.raises(AssertionError, match="the agent's check failed: the card was charged twice") as raised:
        async with rehearse(entrypoint) as call:
            await call.say("call charge")
    assert line_of(raised.value) == 'fail("the card was charged twice")'


async def test_checks_that_pass_change_nothing(rehearse: Rehearse, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cekura_agent_kit")
    async with rehearse(entrypoint) as call:
        turn = await call.say("call confirm")
    assert turn.tool_calls[0].output == "confirmed"
    told = [line for line in caplog.messages if line.startswith("the agent's check passed: ")]
    assert [line.split(": ")[1].split(", at ")[0] for line in told] == [
        "it greets",
        "it is confirmed (by mail)",
        "also in a thread",
    ]
    assert f"{HERE}:" in told[0]


async def test_a_check_at_the_end_of_the_session_counts_and_one_after_it_is_too_late(
    rehearse: Rehearse, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AssertionError) as raised:
        async with rehearse(server) as call:
            await call.say("call confirm")
    assert str(raised.value) == "the agent's check failed: it was cheap (3 calls of the model)"
    (late,) = [line for line in caplog.messages if line.startswith("too late")]
    assert "the agent has left its room: the agent's check failed: in a shutdown callback, at" in late


async def test_the_job_ends_by_itself_when_its_caller_has_left(rehearse: Rehearse) -> None:
    """So that `on_session_end` runs while the agent is in its room."""

    async def leave() -> None:
        async with rehearse(server, timeout=10) as call:
            call.caller.leave()
            await call.room.until(lambda: not call.room.isconnected())

    with pytest.raises(AssertionError, match="the agent's check failed: it was cheap"):
        await leave()


@pytest.mark.parametrize(
    ("which", "told"),
    [
        ("name", rf"a check without a name, at .*{HERE}:\d+$"),
        ("await", "it is booked .it was given a coroutine, which is always true: await it"),
        ("call", "it is booked .it was given a builtin_function_or_method, which is always true: call it"),
        ("bool", "it is booked .ValueError: neither true nor false"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine 'has_booking' was never awaited")
async def test_a_check_that_could_not_fail_fails(rehearse: Rehearse, which: str, told: str) -> None:
    with pytest.raises(AssertionError, match="the agent's check failed: " + told):
        async with rehearse(entrypoint) as call:
            await call.say(f"call slip {json.dumps({'which': which})}")


def test_in_a_real_call_a_check_does_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("livekit.agents.get_job_context", lambda required: SimpleNamespace())
    check("", Unsure(), Unsure())
    fail("")
    monkeypatch.setattr("livekit.agents.get_job_context", lambda required: None)
    check("", Unsure())
    assert caplog.messages == []


def test_in_a_test_that_is_not_signed_a_check_is_one_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = SimpleNamespace(part=lambda kind: None)
    context = SimpleNamespace(**{UNDER_TEST: job})
    monkeypatch.setattr("livekit.agents.get_job_context", lambda required: context)
    check("the calendar has the booking", False, "nothing at 19:00")
    (line,) = caplog.messages
    assert line.startswith(
        "not reported, since the test is not signed: "
        f"the agent's check failed: the calendar has the booking (nothing at 19:00), at tests/agent/{HERE}:"
    )


async def test_a_secret_in_a_check_is_not_told(rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAY_KEY", "sk-12345678")
    with pytest.raises(AssertionError, match=r"failed: paid \(with …\)$"):
        async with rehearse(pays) as call:
            await call.say("call book")


class Payer(Agent):
    @function_tool
    async def book(self) -> None:
        """Book."""
        check("paid", False, "with sk-12345678")


async def pays(ctx: JobContext) -> None:
    session: AgentSession[Any] = AgentSession(llm=InstantLLM())
    await session.start(Payer(instructions=""), room=ctx.room)
