"""Sweeping: the kit's rooms past their deadline, or all of one suite, and no other room."""

from __future__ import annotations

import json
import secrets
import time

import pytest
from typer.testing import CliRunner

from cekura_agent_kit.cli import app
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.marks import room_metadata
from cekura_agent_kit.trigger.rooms.service import ListedRoom, LiveKit
from cekura_agent_kit.trigger.settings import Settings
from cekura_agent_kit.trigger.sweep import left_room, sweep

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("worker")]


def metadata(suite_id: str = "s1", due_in: float = -5.0) -> str:
    now = time.time()
    return room_metadata(suite="support", suite_id=suite_id, made=now - 100, deadline=now + due_in)


@pytest.fixture
def settings(livekit_server: LiveKitServer) -> Settings:
    values = {key.lower(): value for key, value in livekit_server.environment.items()}
    return Settings.model_validate(values | {"cekura_api_key": "unused-here"})


async def make(settings: Settings, **rooms: str) -> None:
    async with LiveKit(settings, Budget(100)) as livekit:
        for name, text in rooms.items():
            await livekit.create_room(name.replace("_", "-"), metadata=text, lasts=60)


async def names(settings: Settings) -> set[str]:
    async with LiveKit(settings, Budget(100)) as livekit:
        return {room.name for room in await livekit.rooms()}


def ours() -> str:
    return f"cekura_kit_{secrets.token_hex(8)}"


async def test_only_the_kits_rooms_past_their_deadline_are_deleted(settings: Settings) -> None:
    late, early, theirs, odd = ours(), ours(), f"support_{secrets.token_hex(4)}", ours()
    await make(settings, **{late: metadata(), early: metadata(due_in=600), theirs: metadata(), odd: "{}"})

    dry = await sweep(settings, dry_run=True)
    assert late.replace("_", "-") in {room.name for room in dry.found}
    assert late.replace("_", "-") in await names(settings)
    swept = await sweep(settings)
    assert late.replace("_", "-") in swept.deleted
    left = await names(settings)
    assert late.replace("_", "-") not in left
    assert {each.replace("_", "-") for each in (early, theirs, odd)} <= left


async def test_all_rooms_of_one_suite_are_deleted_and_no_others(settings: Settings) -> None:
    suite_id = secrets.token_hex(4)
    mine, others = ours(), ours()
    await make(settings, **{mine: metadata(suite_id, 600), others: metadata(due_in=600)})

    swept = await sweep(settings, suite_id=suite_id)
    assert swept.deleted == (mine.replace("_", "-"),)
    assert others.replace("_", "-") in await names(settings)


async def test_the_command_prints_what_it_did(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    suite_id = secrets.token_hex(4)
    room = ours()
    await make(settings, **{room: metadata(suite_id, 600)})
    for key, value in settings.environment.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("CEKURA_API_KEY")

    async def command(*words: str) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, ["sweep", "--suite-id", suite_id, *words])
        assert result.exit_code == 0, result.output
        return result.output

    assert "would be deleted" in await command("--dry-run")
    assert f"{room.replace('_', '-')}  suite support ({suite_id})" in await command()
    assert await command() == "There is no room to delete.\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cekura-kit-0123456789abcde", metadata()),
        ("my-cekura-kit-0123456789abcdef", metadata()),
        ("cekura-kit-0123456789abcdef", ""),
        ("cekura-kit-0123456789abcdef", "[]"),
        ("cekura-kit-0123456789abcdef", json.dumps({"cekura_kit": 2, "deadline": 0})),
        ("cekura-kit-0123456789abcdef", json.dumps({"cekura_kit": 1, "deadline": "yesterday"})),
    ],
)
def test_other_rooms_are_not_the_kits(name: str, text: str) -> None:
    assert left_room(ListedRoom(name, text, time.time()), time.time()) is None
