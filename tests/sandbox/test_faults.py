"""The stand-in misbehaves exactly as it was told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.reads import V2
from cekura_agent_kit.sandbox.cekura.service import CekuraService

from .cekura_requests import CHAT, QUICK, client_of, entry, final, scenario

SCENARIOS = {30: scenario({"say": "Hi"}), 31: scenario({"say": "Bye"})}
START = {"scenarios": [entry(30), entry(31)]}


@asynccontextmanager
async def misbehaving(**faults: Any) -> AsyncIterator[tuple[CekuraService, httpx.AsyncClient]]:
    made = Faults.model_validate(faults)
    async with CekuraService(SCENARIOS, faults=made, timing=QUICK, join=False) as service, client_of(service) as client:
        yield service, client


async def started(client: httpx.AsyncClient) -> list[int]:
    return [run["id"] for run in (await client.post(CHAT, json=START)).json()["runs"]]


async def test_an_answer_is_lost_after_the_runs_were_started() -> None:
    async with misbehaving(starts={"1": {"lost": True}}) as (service, client):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(CHAT, json=START)
        assert [(start.status, len(start.run_ids)) for start in service.starts] == [(None, 2)]
        assert len(await started(client)) == 2


async def test_an_answer_comes_after_the_clients_timeout() -> None:
    async with misbehaving(starts={"1": {"delay": "1h"}}) as (service, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.post(CHAT, json=START, timeout=0.3)
        assert len(service.runs) == 2


async def test_a_start_is_dropped_before_anything_was_started() -> None:
    async with misbehaving(starts={"all": {"lost": True, "done": False}}) as (service, client):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(CHAT, json=START)
        assert service.runs == {}


@pytest.mark.parametrize(("done", "runs"), [(None, 0), (True, 2)])
async def test_a_5xx_may_have_started_runs_or_not(done: bool | None, runs: int) -> None:
    page = "<html>Bad gateway</html>"
    async with misbehaving(starts={"1": {"status": 502, "body": page, "done": done}}) as (service, client):
        reply = await client.post(CHAT, json=START)
        assert (reply.status_code, reply.text, reply.headers["Content-Type"]) == (502, page, "text/html")
        assert len(service.runs) == runs


async def test_reads_fail_by_their_number_and_then_succeed() -> None:
    reads = {"1-2": {"status": 429, "headers": {"Retry-After": "7"}}, "4-": {"status": 500}}
    async with misbehaving(reads=reads) as (_, client):
        (run, _other) = await started(client)
        replies = [await client.get(f"{V2}/runs/{run}/") for _ in range(6)]
        assert [reply.status_code for reply in replies] == [429, 429, 200, 500, 500, 500]
        assert replies[0].headers["Retry-After"] == "7"


async def test_ends_fail_and_the_run_continues() -> None:
    runs = {"all": {"queue": "1h"}}
    async with misbehaving(ends={"1": {"status": 500}}, runs=runs) as (service, client):
        (run, _) = await started(client)
        assert (await client.post(f"{V2}/runs/{run}/end_call/")).status_code == 500
        assert not service.runs[run].final
        await client.post(f"{V2}/runs/{run}/end_call/")
        assert (await final(client, run))["status"] == "cancelled"


async def test_a_body_is_cut_off() -> None:
    async with misbehaving(starts={"1": {"truncated": True}}, reads={"1": {"truncated": True}}) as (service, client):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            await client.post(CHAT, json=START)
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            await client.get(f"{V2}/runs/{min(service.runs)}/")


async def test_a_body_is_not_json() -> None:
    async with misbehaving(reads={"1": {"malformed": True}, "2": {"body": ""}}) as (_, client):
        (run, _) = await started(client)
        for _ in range(2):
            reply = await client.get(f"{V2}/runs/{run}/")
            assert reply.status_code == 200
            with pytest.raises(json.JSONDecodeError):
                reply.json()


@pytest.mark.parametrize("ends", ["failed", "timeout", "cancelled", "archived"])
async def test_a_run_ends_without_a_verdict(ends: str) -> None:
    async with misbehaving(runs={"30": {"ends": ends, "error_message": "No credit"}}) as (service, client):
        run, other = await started(client)
        assert (await final(client, other))["success"] is True
        while not service.runs[run].final:
            await client.get(f"{V2}/runs/{run}/")
        read = (await client.get(f"{V2}/runs/{run}/")).json()
        assert (read["status"], read["success"], read["error_message"]) == (ends, None, "No credit")
        assert read["expected_outcome"] == {}


async def test_faults_of_runs_are_named_by_scenario_and_number() -> None:
    async with misbehaving(runs={"30#2": {"ends": "failed"}, "31": {"unjudged": True}}) as (_, client):
        first = [await final(client, run) for run in await started(client)]
        second = [await final(client, run) for run in await started(client)]
        assert [run["status"] for run in first + second] == ["completed", "completed", "failed", "completed"]
        assert [run["success"] for run in first + second] == [True, None, None, None]


async def test_a_run_shows_a_status_that_nobody_knows() -> None:
    async with misbehaving(runs={"all": {"status": "warming_up", "scoring": "300ms"}}) as (_, client):
        run = (await client.post(CHAT, json=START)).json()["runs"][0]
        assert run["status"] == "warming_up"
        assert (await final(client, run["id"]))["status"] == "completed"


async def test_lists_are_reversed_and_incomplete() -> None:
    async with misbehaving(reversed=True, runs={"31": {"missing_from_bulk": True}}) as (_, client):
        ids = [*await started(client), *await started(client)]
        assert ids[0] > ids[1]
        bulk = (await client.get(f"{V2}/runs/bulk/", params={"run_ids": ",".join(map(str, sorted(ids)))})).json()
        assert [(run["scenario"], run["id"]) for run in bulk] == [(30, ids[3]), (30, ids[1])]


async def test_shapes_change() -> None:
    shapes = {"start_runs": "object", "result_runs": "array", "without": ["success"], "extra": {"new": [1]}}
    async with misbehaving(**shapes) as (_, client):
        reply = (await client.post(CHAT, json=START)).json()
        assert all(name == str(run["id"]) for name, run in reply["runs"].items())
        result = (await client.get(f"{V2}/results/{reply['id']}/")).json()
        assert isinstance(result["runs"], list)
        assert "success" not in result["runs"][0]
        assert result["runs"][0]["new"] == [1]


async def test_a_start_may_start_nothing() -> None:
    async with misbehaving(start_runs="none") as (service, client):
        reply = await client.post(CHAT, json=START)
        assert (reply.status_code, reply.json()["runs"], service.runs) == (201, [], {})
