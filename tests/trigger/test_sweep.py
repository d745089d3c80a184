"""Sweeping: rooms of the kit's that are due, of one suite, or named; their runs; and what it says is left."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from typer.testing import CliRunner

from cekura_agent_kit.cli import app
from cekura_agent_kit.errors import KitError
from cekura_agent_kit.permit import Key, run_proof
from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.marks import room_metadata, with_run
from cekura_agent_kit.trigger.rooms.room_list import ListedRoom
from cekura_agent_kit.trigger.rooms.service import LiveKit
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.trigger.sweep import kit_room, sweep

server = pytest.mark.server
pytestmark = pytest.mark.xdist_group("worker")

NAME = "cekura-kit-0123456789abcdef"
DAY = 24 * 3600.0
Command = Callable[..., Awaitable[tuple[int, str]]]


def new_name() -> str:
    return f"cekura-kit-{secrets.token_hex(8)}"


def metadata(suite_id: str = "s1", due_in: float = -5.0) -> str:
    now = time.time()
    return room_metadata(suite="support", suite_id=suite_id, made=now - 100, deadline=now + due_in)


def marked(room: str, run_id: int, key: Key, due_in: float = -5.0) -> str:
    text = with_run(metadata(due_in=due_in), room=room, run_id=run_id, key=key)
    assert text is not None
    return text


@pytest.fixture
async def cekura() -> AsyncIterator[CekuraService]:
    async with CekuraService({}) as service:
        yield service


@pytest.fixture
def settings(livekit_server: LiveKitServer, cekura: CekuraService) -> Settings:
    values = livekit_server.environment | cekura.environment
    return Settings.model_validate({key.lower(): value for key, value in values.items()})


@pytest.fixture
async def livekit(settings: Settings) -> AsyncIterator[LiveKit]:
    """A server without rooms: what other tests left on it is deleted."""
    async with LiveKit(settings, Budget(1000)) as livekit:
        for room in await livekit.rooms():
            await livekit.delete_room(room.name)
        yield livekit


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    """``await command("--dry-run")``: the exit code, and what was printed."""
    for key, value in settings.environment.items():
        monkeypatch.setenv(key, value)

    async def invoke(*words: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, app, ["sweep", *words])
        return result.exit_code, result.output

    return invoke


async def names(livekit: LiveKit) -> set[str]:
    return {room.name for room in await livekit.rooms()}


@server
async def test_rooms_that_are_due_are_deleted_and_their_runs_ended(
    livekit: LiveKit, settings: Settings, cekura: CekuraService
) -> None:
    due, early, foreign = new_name(), new_name(), f"support-{secrets.token_hex(4)}"
    await livekit.create_room(due, metadata=marked(due, 7001, settings.signing_key), lasts=60)
    await livekit.create_room(early, metadata=marked(early, 7002, settings.signing_key, due_in=600), lasts=60)
    await livekit.create_room(foreign, metadata=metadata(), lasts=60)

    dry = await sweep(settings, dry_run=True)
    assert ([room.name for room in dry.chosen], dry.deleted) == ([due], ())
    assert await names(livekit) == {due, early, foreign}
    assert cekura.requests["ends"] == 0

    swept = await sweep(settings)
    assert swept.deleted == (due,)
    assert [room.name for room in swept.others] == [early]
    assert swept.failures == 0
    assert await names(livekit) == {early, foreign}
    assert cekura.requests["ends"] == 1


@server
async def test_a_run_without_the_kits_proof_is_not_ended(
    livekit: LiveKit, settings: Settings, cekura: CekuraService
) -> None:
    """A participant whose token allows it has written the room's metadata, or copied it from another room."""
    rooms = {new_name(): "other room", new_name(): "other key", new_name(): "no proof"}
    other_room, other_key, no_proof = rooms
    texts = {
        other_room: marked(NAME, 7001, settings.signing_key),
        other_key: marked(other_key, 7001, Key("LIVEKIT_API_SECRET", "a-guess-of-somebody-else")),
        no_proof: json.dumps({"cekura_kit": {"suite": "s", "suite_id": "i", "deadline": 0, "run_id": 7001}}),
    }
    for name, text in texts.items():
        await livekit.create_room(name, metadata=text, lasts=60)

    swept = await sweep(settings)
    assert set(swept.deleted) == set(rooms)
    assert all(room.unproven and room.run_id is None for room in swept.chosen)
    assert cekura.requests["ends"] == 0


@server
async def test_the_command_shows_what_is_left_and_how_to_delete_it(
    livekit: LiveKit, settings: Settings, command: Command
) -> None:
    early, bare, old = new_name(), new_name(), new_name()
    await livekit.create_room(early, metadata=metadata("a b", 600), lasts=60)
    await livekit.create_room(bare, metadata="", lasts=60)
    now = time.time()
    old_mark = {"cekura_kit": 1, "suite": "support", "suite_id": "s0", "made": now - 900, "deadline": now - 300}
    await livekit.create_room(old, metadata=json.dumps(old_mark), lasts=60)

    code, printed = await command("--dry-run")
    assert code == 1
    assert re.search(rf"{old}  suite support \(s0\)  made \d+ s ago, due since 5 min  would be deleted", printed)

    code, printed = await command()
    assert code == 1
    assert re.search(rf"{old}  suite support \(s0\)  made \d+ s ago, due since 5 min  deleted", printed)
    assert f"{early}  suite support (a b)  made " in printed
    assert "due in 10 min  left" in printed
    assert f"{bare}  no mark of its suite  made " in printed
    assert "due in 24 h  left" in printed
    assert "2 rooms not due yet" in printed
    assert "  cekura-kit sweep --suite-id 'a b'\n" in printed
    assert f"  cekura-kit sweep --room {bare}\n" in printed

    # The printed commands do what they say.
    code, printed = await command("--suite-id", "a b")
    assert (code, f"{early}  " in printed, bare in printed) == (0, True, False)
    assert await names(livekit) == {bare}
    code, printed = await command("--room", bare)
    assert (code, await names(livekit)) == (0, set())
    assert await command() == (0, "No room of cekura-kit is left.\n")


@server
async def test_what_could_not_be_ended_is_listed(
    livekit: LiveKit, settings: Settings, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = new_name()
    await livekit.create_room(room, metadata=marked(room, 7001, settings.signing_key), lasts=60)
    monkeypatch.delenv("CEKURA_API_KEY")

    code, printed = await command("--json", "-")
    assert code == 2
    assert "run 7001 could not be ended: CEKURA_API_KEY is not set" in printed
    # The room is deleted all the same: without it, the conversation ends.
    assert await names(livekit) == set()
    report = json.loads(printed[printed.index("{\n") :])
    assert (report["left"], report["rooms"][0]["state"], report["rooms"][0]["run_id"]) == (0, "deleted", 7001)


@server
async def test_a_room_whose_run_cekura_does_not_end_is_a_failure(livekit: LiveKit, settings: Settings) -> None:
    room = new_name()
    await livekit.create_room(room, metadata=marked(room, 7001, settings.signing_key), lasts=60)
    async with CekuraService({}, faults=Faults.model_validate({"ends": {"all": {"status": 403}}})) as refusing:
        swept = await sweep(settings.model_copy(update={"cekura_api_url": refusing.url}))
    assert swept.failures == 1
    assert "403" in swept.chosen[0].run_error


async def test_a_room_that_is_not_the_kits_is_refused_by_name() -> None:
    settings = settings_of()
    with pytest.raises(KitError, match="'production-1' is not a room of cekura-kit's"):
        await sweep(settings, rooms=[NAME, "production-1"])


def settings_of() -> Settings:
    return Settings.model_validate(
        {
            "cekura_api_key": "a-key",
            "livekit_url": "ws://127.0.0.1:9",
            "livekit_api_key": "a-key",
            "livekit_api_secret": "a-secret-of-livekit-for-this-test",
        }
    )


@pytest.mark.parametrize("name", ["cekura-kit-0123456789abcde", f"my-{NAME}", f"{NAME}0", "cekura-kit-", ""])
def test_other_rooms_are_not_the_kits(name: str) -> None:
    assert kit_room(ListedRoom(name, metadata(), 0.0), settings_of()) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "not JSON",
        "[" * 100_000,
        json.dumps({"cekura_kit": 2, "deadline": 0}),
        json.dumps({"cekura_kit": 1, "deadline": "yesterday"}),
        json.dumps({"cekura_kit": {"deadline": True}}),
        json.dumps({"cekura_kit": {"deadline": None}}),
        '{"cekura_kit": {"deadline": NaN}}',
        '{"cekura_kit": {"deadline": 1e999}}',
        '{"cekura_kit": {"deadline": 1' + "0" * 400 + "}}",
    ],
)
def test_a_room_without_a_readable_mark_is_due_a_day_after_its_creation(text: str) -> None:
    room = kit_room(ListedRoom(NAME, text, 1000.0), settings_of())
    assert room is not None
    assert (room.made, room.due, room.suite_id, room.run_id) == (1000.0, 1000.0 + DAY, "", None)


def test_a_proven_run_is_read_from_the_mark() -> None:
    settings = settings_of()
    text = marked(NAME, 7001, settings.signing_key, due_in=60)
    room = kit_room(ListedRoom(NAME, text, 1000.0), settings)
    assert room is not None
    assert (room.suite, room.suite_id, room.run_id, room.unproven) == ("support", "s1", 7001, False)
    assert json.loads(text)["cekura_kit"]["proof"] == run_proof(room=NAME, run_id=7001, key=settings.signing_key)
