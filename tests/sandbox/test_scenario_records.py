"""Scenarios as the stand-in's endpoints show them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from cekura_agent_kit.sandbox.cekura.reads import V1, V2
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import CekuraService

from .cekura_requests import CHAT, client_of, entry, final, scenario

PROFILE = {"main_agent_variables": {"tier": "gold"}, "testing_agent_variables": {"mood": "sour"}}
SCENARIOS = {
    30: scenario({"hear": "welcome"}, {"say": "Hi", "hear": "hello"}, tags=["smoke", "booking"], folder="Booking.New"),
    31: scenario({"say": "Bye"}, tags=["smoke"], folder="Booking", agent=900, profile=PROFILE, max_duration=10),
    32: scenario({"say": "Bye"}, folder="Bookings", verdict={"metrics": []}, outcome="", evaluator_tools=[]),
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with CekuraService(SCENARIOS, join=False) as service, client_of(service) as client:
        yield client


async def test_a_scenario_whose_caller_is_played_has_its_instructions() -> None:
    caller = {"goal": "Book a table.", "persona": "In a hurry.", "facts": {"people": 2}, "first_message": "Hi!"}
    played = Scenario.model_validate({"name": "A", "caller": caller, "outcome": ["It is booked.", "It is polite."]})
    async with CekuraService({30: played}, join=False) as service, client_of(service) as client:
        read = (await client.get(f"{V2}/scenarios/30/")).json()
    assert read["instructions"] == "In a hurry.\nBook a table.\npeople: 2"
    assert (read["first_message"], read["expected_outcome_prompt"]) == ("Hi!", "It is booked. It is polite.")


@pytest.mark.parametrize("version", [V1, V2])
async def test_one_scenario_is_read(client: httpx.AsyncClient, version: str) -> None:
    first, second, third = [(await client.get(f"{version}/scenarios/{each}/")).json() for each in (30, 31, 32)]
    assert (first["id"], first["name"], first["agent"]) == (30, "A talk", 812)
    assert (first["tags"], first["folder_path"]) == (["smoke", "booking"], "Booking.New")
    assert (first["metric_names"], first["tool_ids"]) == (["Expected Outcome"], ["TOOL_END_CALL"])
    assert first["expected_outcome_prompt"] == "The agent says: welcome, then hello."
    assert (first["test_profile"], first["test_profile_data"], first["max_duration"]) == (None, None, None)
    assert (second["agent"], second["max_duration"], second["test_profile_data"]["information"]) == (900, 10, PROFILE)
    assert (third["metric_names"], third["tool_ids"], third["expected_outcome_prompt"]) == ([], [], "")
    assert (await client.get(f"{version}/scenarios/99/")).status_code == 404


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [30, 31, 32]),
        ("agent_id=900", [31]),
        ("tags=booking", [30]),
        ("tags=booking,smoke", [30, 31]),
        ("tags=booking,smoke&tag_filter_type=and", [30]),
        ("tags=booking&tag_filter_type=not", [31, 32]),
        ("folder_path=Booking", [30, 31]),
        ("folder_path=Booking.New", [30]),
        ("folder_path=New", []),
        ("tags=smoke&agent_id=812", [30]),
    ],
)
async def test_scenarios_are_selected(client: httpx.AsyncClient, query: str, ids: list[int]) -> None:
    page = (await client.get(f"{V2}/scenarios/?{query}")).json()
    assert (page["count"], [each["id"] for each in page["results"]]) == (len(ids), ids)


async def test_scenarios_come_in_pages(client: httpx.AsyncClient) -> None:
    page = (await client.get(f"{V2}/scenarios/", params={"page_size": 2})).json()
    assert (page["count"], page["previous"], [each["id"] for each in page["results"]]) == (3, None, [30, 31])
    page = (await client.get(page["next"])).json()
    assert (page["next"], [each["id"] for each in page["results"]]) == (None, [32])
    assert [each["id"] for each in (await client.get(page["previous"])).json()["results"]] == [30, 31]
    assert (await client.get(f"{V2}/scenarios/", params={"page": 9})).status_code == 404


@pytest.mark.parametrize("query", ["agent_id=x", "page=0", "page_size=-1", "tags=a&tag_filter_type=xor"])
async def test_a_query_that_is_not_as_described_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"{V2}/scenarios/?{query}")).status_code == 400


async def test_tags_and_folders_are_listed(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{V2}/scenarios/tags/")).json() == ["booking", "smoke"]
    folders = (await client.get(f"{V2}/scenarios/folders/")).json()["results"]
    assert [(each["name"], each["path"]) for each in folders] == [
        ("Booking", "Booking"),
        ("New", "Booking.New"),
        ("Bookings", "Bookings"),
    ]


async def test_a_run_has_its_scenarios_profile_and_agent(client: httpx.AsyncClient) -> None:
    started = (await client.post(CHAT, json={"scenarios": [entry(31)]})).json()
    assert (started["agent"], started["runs"][0]["test_profile_data"]["information"]) == (900, PROFILE)
    run = await final(client, started["runs"][0]["id"])
    assert (run["agent"], run["test_profile_data"]["information"]) == (900, PROFILE)


async def test_an_edit_is_read_with_its_time() -> None:
    async with CekuraService(SCENARIOS, join=False) as service, client_of(service) as client:

        async def listed() -> dict[int, tuple[str, str]]:
            page = (await client.get(f"{V2}/scenarios/")).json()
            return {each["id"]: (each["scenario_type"], each["updated_at"]) for each in page["results"]}

        before = await listed()
        service.change(30, scenario({"say": "Bye"}, scenario_type="real_world_fixed"))
        service.change(32, None)
        after = await listed()
        assert after.keys() == {30, 31}
        assert after[31] == before[31]
        assert (before[30][0], after[30][0]) == ("instruction", "real_world_fixed")
        assert before[30][1] < after[30][1]
        assert (await client.get(f"{V2}/scenarios/32/")).status_code == 404
    assert 32 in SCENARIOS
