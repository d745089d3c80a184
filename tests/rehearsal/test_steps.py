"""Steps of scenarios, played in memory against an agent with tools; in the sandbox, the example plays them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, JobContext, RunContext, function_tool

from cekura_agent_kit.contract import EVENTS_REQUEST, EVENTS_TOPIC
from cekura_agent_kit.rehearsal.fixture import Rehearse
from cekura_agent_kit.rehearsal.rehearsed_scenario import RehearsedScenario
from cekura_agent_kit.sandbox.models.rules import Rules
from tests.sandbox.cekura_requests import scenario

RULES = Rules.model_validate(
    {
        "rules": [
            {
                "user": "a table for (?P<people>\\w+)",
                "say": "One moment.",
                "call": "book",
                "with": {"people": "{people}"},
            },
            {"tool": "book", "say": "It is booked."},
            {"user": "count", "call": "count"},
            {"tool": "count", "say": "Counted."},
        ],
        "otherwise": "Pardon?",
    }
)


class Host(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You book tables.")

    @function_tool
    async def book(self, people: int) -> str:
        """Book a table.

        Args:
            people: guests
        """
        return f"booked for {people}"

    @function_tool
    async def count(self, context: RunContext[None]) -> str:
        """Count slowly."""
        await context.session.say("one two three")
        return "done"


async def entrypoint(ctx: JobContext) -> None:
    session: AgentSession[None] = AgentSession()

    def on_data(packet: rtc.DataPacket) -> None:
        session.say(f"Got {json.loads(packet.data)['kind']}.")

    ctx.room.on("data_received", on_data)
    await ctx.connect()
    await session.start(Host(), room=ctx.room)
    await session.say("Welcome.")


async def run(rehearse: Rehearse, *talk: dict[str, Any], patience: float = 20) -> list[str]:
    call = rehearse(entrypoint, llm=RULES)
    judgement = await RehearsedScenario(7, scenario(*talk, patience=patience), call).run()
    return judgement.explanation


async def test_all_that_a_step_can_say(rehearse: Rehearse) -> None:
    explanation = await run(
        rehearse,
        {"hear_any": ["welcome", "hello"], "not_hear": "sorry"},
        {
            "say": "a table for two",
            "call": {"tool": "book", "arguments": {"people": 2}},
            "hear_all": ["moment", "booked"],
        },
        {"data": {"kind": "order"}, "hear": "got order", "no_call": "*"},
        {"pause": "10ms", "say": "what?", "interrupt": True, "hear": "pardon", "within": "20s", "no_call": "book"},
    )
    assert explanation == [
        "Heard 'welcome'.",
        "Did not hear 'sorry'.",
        "Heard 'moment' and 'booked'.",
        "The agent called book(people=2).",
        "Heard 'got order'.",
        "The agent did not call any tool.",
        "The agent replied within 20 s.",
        "Heard 'pardon'.",
        "The agent did not call book.",
    ]


async def test_a_tool_that_is_still_running_has_been_called(rehearse: Rehearse) -> None:
    with pytest.raises(AssertionError, match="The agent called count\\(\\), which must not be called"):
        await run(rehearse, {"hear": "welcome"}, {"say": "count", "no_call": "count"})


async def test_words_of_the_end_of_an_answer_are_forbidden_too(rehearse: Rehearse) -> None:
    with pytest.raises(AssertionError, match="Heard 'booked', which must not be heard"):
        await run(rehearse, {"hear": "welcome"}, {"say": "a table for two", "hear": "moment", "not_hear": "booked"})


async def test_an_agent_that_is_not_called_back_stays_silent(rehearse: Rehearse) -> None:
    with pytest.raises(AssertionError, match=r"Said nothing for 0\.05 s, in which the agent had to speak"):
        await run(rehearse, {"hear": "welcome"}, {"silence": "50ms"})


async def test_whoever_asks_in_a_signed_test_receives_all_tool_calls(rehearse: Rehearse) -> None:
    async with rehearse(entrypoint, llm=RULES) as call:
        await call.say("a table for two")
        other = call.room.join("other")

        def received() -> list[dict[str, Any]]:
            return [json.loads(text.text) for text in other.texts if text.topic == EVENTS_TOPIC and text.closed]

        other.send_text("nonsense", topic=EVENTS_TOPIC)
        other.send_text(EVENTS_REQUEST, topic=EVENTS_TOPIC)
        await call.room.until(lambda: any(each["type"] == "tool_call" for each in received()))
        await call.say("a table for three")
        await call.room.until(lambda: sum(each["type"] == "tool_call" for each in received()) == 2)
        assert received()[0]["type"] == "accepted"
        assert [each["arguments"] for each in received() if each["type"] == "tool_call"] == [
            {"people": 2},
            {"people": 3},
        ]
        assert not [text for text in call.caller.texts if text.topic == EVENTS_TOPIC]
