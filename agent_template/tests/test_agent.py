"""Tests of the agent in memory: its real entrypoint, no server, no key. A file of rules replaces the language model."""

import pytest


async def test_books_an_appointment(rehearse):
    book = {"returns": "Booked for {day} at {time}."}  # or a function: `lambda day, time: …`
    async with rehearse("agent.py", llm="cekura.models.yaml", tools={"book_appointment": book}) as call:
        assert "clinic" in (await call.greeting()).text
        turn = await call.say("I need an appointment on Monday at ten.")
        turn.expect.contains_function_call(name="book_appointment", arguments={"day": "Monday", "time": "ten"})
        assert "booked for Monday" in turn.text


@pytest.mark.cekura_scenarios(
    "cekura.scenarios.yaml", suite="cekura.yaml", entrypoint="agent.py", llm="cekura.models.yaml"
)
async def test_scenario(scenario):
    """Run each scenario of the file as a test, with the suite's doubles, as `cekura-kit run --sandbox` does."""
    await scenario.run()
