"""The stand-in's HTTP, held against what is documented of Cekura's API. No rooms: runs end as passed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.reads import V1, V2
from cekura_agent_kit.sandbox.cekura.runs import RunTiming
from cekura_agent_kit.sandbox.cekura.service import KEY_HEADER, CekuraService

from .cekura_requests import CHAT, QUICK, VOICE, client_of, entry, final, scenario

SCENARIOS = {30: scenario({"say": "Hi"}, outcome="It answers."), 31: scenario({"say": "Bye"})}
NO_ROOM = jwt.encode({"sub": "evaluator", "video": {"roomJoin": True}}, "s" * 32)
HELD = Faults.model_validate({"runs": {"all": {"queue": "1h"}}})


@pytest.fixture
async def service() -> AsyncIterator[CekuraService]:
    async with CekuraService(SCENARIOS, timing=QUICK, join=False) as service:
        yield service


@pytest.fixture
async def client(service: CekuraService) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service) as client:
        yield client


async def test_the_key_is_checked(service: CekuraService) -> None:
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        for method, path in (("POST", CHAT), ("GET", f"{V2}/runs/bulk/?run_ids=1"), ("POST", f"{V2}/runs/1/end_call/")):
            assert (await client.request(method, path)).status_code == 401
            assert (await client.request(method, path, headers={KEY_HEADER: "wrong"})).status_code == 403
    assert service.starts == []


@pytest.mark.parametrize(("path", "as_text"), [(CHAT, True), (VOICE, False)])
async def test_a_start_is_answered_with_a_result_whose_runs_are_an_array(
    client: httpx.AsyncClient, service: CekuraService, path: str, as_text: bool
) -> None:
    reply = await client.post(path, json={"scenarios": [entry(31), entry(30), entry(30)]})
    assert reply.status_code == 201
    body = reply.json()
    assert isinstance(body["id"], int)
    assert (body["status"], body["run_as_text"]) == ("in_progress", as_text)
    assert [run["scenario"] for run in body["runs"]] == [31, 30, 30]
    assert body["runs"][0].keys() == {"id", "status", "scenario", "scenario_name", "test_profile_data"}
    assert len({run["id"] for run in body["runs"]}) == 3
    assert service.starts[0].run_ids == [run["id"] for run in body["runs"]]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (CHAT, {}, {"scenarios": ["This field is required."]}),
        (CHAT, {"scenarios": []}, {"scenarios": ["This list may not be empty."]}),
        (CHAT, {"scenarios": [entry(99)]}, ["Scenarios not found: 99"]),
        (CHAT, {"scenarios": [entry(scenario=None)]}, {"scenario": ["This field is required."]}),
        (CHAT, {"scenarios": [entry(scenario="30")]}, {"scenario": ["A valid integer is required."]}),
        (CHAT, {"scenarios": [entry(access_token=None)]}, {"access_token": ["This field is required."]}),
        (CHAT, {"scenarios": [entry(access_token="x")]}, {"access_token": ["Not a valid LiveKit access token."]}),
        (
            CHAT,
            {"scenarios": [entry(access_token=NO_ROOM)]},
            {"errors": {"access_token": ["The token does not allow joining a room."]}},
        ),
        (
            CHAT,
            {"scenarios": [entry(livekit_room_url="https://rooms.example")]},
            {"livekit_room_url": ["Enter a valid URL that begins with wss:// or ws://."]},
        ),
        (CHAT, {"scenarios": [entry()], "name": "x"}, {"errors": {"name": ["This field is not known."]}}),
        (CHAT, {"scenarios": [entry(frequency=2)]}, {"errors": {"frequency": ["This field is not known."]}}),
        (CHAT, {"scenarios": [entry()], "agent": "812"}, {"agent": ["A valid integer is required."]}),
        (VOICE, {"scenarios": [entry()], "agent": 812}, {"errors": {"agent": ["This field is not known."]}}),
        (
            VOICE,
            {"scenarios": [entry(publish_data_message={"a": 1})]},
            {"errors": {"publish_data_message": ["This field is not known."]}},
        ),
        (CHAT, [1], ["Invalid data. Expected a dictionary."]),
    ],
)
async def test_a_start_that_is_not_as_documented_is_refused_and_starts_nothing(
    client: httpx.AsyncClient, service: CekuraService, path: str, body: Any, said: Any
) -> None:
    reply = await client.post(path, json=body)
    assert (reply.status_code, reply.json()) == (400, said)
    assert service.runs == {}
    assert [start.status for start in service.starts] == [400]


async def test_a_body_that_is_not_json_is_refused(client: httpx.AsyncClient) -> None:
    reply = await client.post(CHAT, content=b"{")
    assert (reply.status_code, reply.json()) == (400, ["Invalid data. Expected a dictionary."])


async def test_a_start_in_text_has_an_agent_and_a_data_message(
    client: httpx.AsyncClient, service: CekuraService
) -> None:
    body = {"agent": 5, "scenarios": [entry(publish_data_message={"tier": "gold"})]}
    assert (await client.post(CHAT, json=body)).json()["agent"] == 5
    assert next(iter(service.runs.values())).invitation.data_message == {"tier": "gold"}


async def test_a_run_is_read_alone_in_bulk_and_in_its_result(client: httpx.AsyncClient) -> None:
    started = (await client.post(CHAT, json={"scenarios": [entry(30), entry(31)]})).json()
    first, second = (run["id"] for run in started["runs"])
    run = await final(client, first)
    await final(client, second)
    assert (run["status"], run["success"], run["scenario"], run["result_id"]) == ("completed", True, 30, started["id"])
    assert run["expected_outcome"]["score"] == 100.0
    assert run["evaluation"]["metrics"][0]["passed"] is True
    assert run["metadata"]["ended_reason"] == "testing-agent-ended-call"
    bulk = (await client.get(f"{V2}/runs/bulk/", params={"run_ids": f"{second},{first},1"})).json()
    assert [each["id"] for each in bulk] == [second, first]
    assert bulk[1] == run
    result = (await client.get(f"{V2}/results/{started['id']}/")).json()
    assert result["runs"].keys() == {str(first), str(second)}
    assert (result["status"], result["success_rate"], result["total_runs_count"]) == ("completed", 100.0, 2)
    assert (result["completed_runs_count"], result["success_runs_count"], result["failed_runs_count"]) == (2, 2, 0)


@pytest.mark.parametrize("ids", ["", "1,x", "[1]", "1, 2", "-1"])
async def test_bulk_reads_accept_only_a_plain_comma_list(client: httpx.AsyncClient, ids: str) -> None:
    reply = await client.get(f"{V2}/runs/bulk/", params={"run_ids": ids})
    assert (reply.status_code, reply.json()) == (400, {"run_ids": ["Enter a comma-separated list of integers."]})


async def test_runs_are_listed_in_pages_newest_first_by_status() -> None:
    faults = Faults.model_validate({"runs": {"31": {"queue": "1h"}}})
    async with (
        CekuraService(SCENARIOS, timing=QUICK, join=False, faults=faults) as service,
        client_of(service) as client,
    ):
        started = (await client.post(CHAT, json={"scenarios": [entry(30), *[entry(31)] * 5]})).json()
        first, *queued = (run["id"] for run in started["runs"])
        await final(client, first)
        page = (await client.get(f"{V2}/runs/", params={"status__in": "pending,in_queue", "page_size": 2})).json()
        assert (page["count"], page["previous"]) == (5, None)
        listed = [run["id"] for run in page["results"]]
        while page["next"]:
            page = (await client.get(page["next"])).json()
            listed += [run["id"] for run in page["results"]]
        assert listed == queued[::-1]
        assert (await client.get(f"{V2}/runs/", params={"page_size": "all"})).status_code == 400
        assert (await client.get(f"{V2}/runs/", params={"page": 9})).status_code == 404


async def test_an_unknown_scenario_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{V1}/scenarios/30/")).json()["name"] == "A talk"
    assert (await client.get(f"{V1}/scenarios/99/")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{V2}/runs/1/"),
        ("GET", f"{V2}/runs/x/"),
        ("GET", f"{V2}/results/1/"),
        ("POST", f"{V2}/runs/1/end_call/"),
        ("POST", f"{V2}/results/1/end_calls/"),
        ("GET", "/nowhere/"),
    ],
)
async def test_unknown_ids_and_paths_are_404_with_a_detail(client: httpx.AsyncClient, method: str, path: str) -> None:
    reply = await client.request(method, path)
    assert reply.status_code == 404
    assert isinstance(reply.json()["detail"], str)


async def test_statuses_move_from_the_queue_to_the_verdict() -> None:
    seen: list[str] = []
    timing = RunTiming(queue=1, scoring=1)
    async with CekuraService(SCENARIOS, timing=timing, join=False) as service, client_of(service) as client:
        started = (await client.post(CHAT, json={"scenarios": [entry()]})).json()
        seen.append(started["runs"][0]["status"])
        while seen[-1] != "completed":
            status = (await client.get(f"{V2}/runs/{started['runs'][0]['id']}/")).json()["status"]
            seen += [status] if status != seen[-1] else []
    # It runs for an instant here, without a room.
    assert [status for status in seen if status != "running"] == ["pending", "in_queue", "evaluating", "completed"]
    assert seen == sorted(seen, key=["pending", "in_queue", "running", "evaluating", "completed"].index)


async def test_ended_calls_end_their_runs() -> None:
    async with CekuraService(SCENARIOS, faults=HELD) as service, client_of(service) as client:
        started = (await client.post(CHAT, json={"scenarios": [entry()] * 3})).json()
        one, *others = (run["id"] for run in started["runs"])
        reply = await client.post(f"{V2}/runs/{one}/end_call/")
        assert (reply.status_code, reply.content) == (200, b"")
        assert (await final(client, one))["status"] == "cancelled"
        assert {service.runs[each].final for each in others} == {False}
        assert (await client.post(f"{V2}/results/{started['id']}/end_calls/")).status_code == 200
        assert {(await final(client, each))["status"] for each in others} == {"cancelled"}
        assert (await client.post(f"{V2}/runs/{one}/end_call/")).status_code == 200


async def test_closing_ends_every_run_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with CekuraService(SCENARIOS, faults=HELD) as service, client_of(service) as client:
        await client.post(CHAT, json={"scenarios": [entry()] * 5})
    assert {run.status for run in service.runs.values()} == {"cancelled"}
    assert asyncio.all_tasks() == before


async def test_it_starts_again_on_the_same_port(service: CekuraService, client: httpx.AsyncClient) -> None:
    await service.stop()
    with pytest.raises(httpx.ConnectError):
        await client.get(f"{V1}/scenarios/30/")
    await service.start()
    assert (await client.get(f"{V1}/scenarios/30/")).status_code == 200
