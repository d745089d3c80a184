"""The agent in memory: its real entrypoint, no server, no key. `models.yaml` stands in for the language model."""

import pytest


async def test_books_an_appointment(rehearse):
    async with rehearse("agent.py", llm="models.yaml") as call:
        assert "clinic" in (await call.greeting()).text
        turn = await call.say("I need an appointment on Monday at ten.")
        turn.expect.contains_function_call(name="book_appointment", arguments={"day": "Monday", "time": "ten"})
        assert "booked for Monday" in turn.text


@pytest.mark.cekura_scenarios("scenarios.yaml", entrypoint="agent.py", llm="models.yaml")
async def test_scenario(scenario):
    """One test for each scenario of the file; the same file that `cekura-kit run --sandbox` uses."""
    await scenario.run()
