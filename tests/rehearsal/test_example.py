"""The example's scenarios in memory: the file that the demo runs in the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekura_agent_kit.rehearsal.fixture import Rehearse
from cekura_agent_kit.rehearsal.rehearsed_scenario import RehearsedScenario
from cekura_agent_kit.sandbox.models.rules import Rules

EXAMPLE = Path(__file__).parents[2] / "examples" / "restaurant"
SCENARIOS = EXAMPLE / "cekura.scenarios.yaml"


@pytest.mark.cekura_scenarios(
    EXAMPLE / "cekura.scenarios.yaml",
    suite=EXAMPLE / "cekura.yaml",
    entrypoint=EXAMPLE / "agent.py",
    llm=EXAMPLE / "cekura.models.yaml",
)
async def test_scenario(scenario: RehearsedScenario, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="restaurant")
    judgement = await scenario.run()
    assert judgement.score == 100
    assert "booked a table" not in caplog.text, "the suite has a double of book_table"
    assert "sent: " not in caplog.text, "the suite refuses to send text messages"


async def test_a_booking_that_was_not_looked_up_fails_the_agents_own_check(rehearse: Rehearse) -> None:
    booking = {"day": "Friday", "time": "19:00", "people": 2, "name": "Maria"}
    rules = Rules.model_validate(
        {
            "rules": [
                {"user": "table", "call": "book_table", "with": booking},
                {"tool": "book_table", "say": "Your table is booked."},
            ],
            "otherwise": "Sorry?",
        }
    )
    with pytest.raises(AssertionError, match=r"a table is looked up before it is booked \(Friday 19:00\)"):
        async with rehearse(EXAMPLE / "agent.py", llm=rules, tools={"book_table": {"returns": "Booked."}}) as call:
            await call.say("A table for two, please.")


async def test_without_a_suite_its_tools_really_run(rehearse: Rehearse, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="restaurant")
    async with rehearse(EXAMPLE / "agent.py", llm=EXAMPLE / "cekura.models.yaml") as call:
        await call.say("A table for two on Friday at seven, please.")
        await call.say("My name is Maria.")
        await call.say("Please text me the address.")
    assert "booked a table for 2" in caplog.text
    assert "sent: " in caplog.text


async def test_a_booking(rehearse: Rehearse) -> None:
    async with rehearse(EXAMPLE / "agent.py", llm=EXAMPLE / "cekura.models.yaml") as call:
        assert "Luigi" in (await call.greeting()).text
        assert call.session.vad is not None
        assert not call.room.local_participant.track_publications
