"""Commands, each brought to a stage at which it has something to clean up, against parts that outlive it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from livekit import api

from tests.faults.command import Command, command, write_suite
from tests.faults.scene import ROOT, Scene
from tests.worker.agent_files import GREETER

AGENT = "python -m tests.faults.agent start"
ENDLESS = "41: {name: A talk, talk: [{hear: what nobody says}], patience: 120s}\n"

Surroundings = Callable[[Scene], AbstractAsyncContextManager[dict[str, str]]]
Seen = Callable[[Scene, Command], bool | Awaitable[bool]]


@dataclass(frozen=True)
class Stage:
    """A command at a stage.

    Attributes:
        arguments: of the command.
        seen: tells from outside that the command is there.
        surroundings: what stands while it runs: files in its folder, and environment variables.
        rooms, runs: how many there are then on a server, and on Cekura, that outlive the command.
        report: the command writes ``report.json``, also when it is stopped.
        program: what runs the arguments, if it is not the kit.
    """

    arguments: str
    seen: Seen
    surroundings: Surroundings
    rooms: int = 0
    runs: int = 0
    report: bool = False
    program: tuple[str, ...] = ()

    @asynccontextmanager
    async def running(self, scene: Scene, *, terminal: bool = False, pipe: bool = False) -> AsyncIterator[Command]:
        """Start the command, and wait until it is there."""
        options: dict[str, Any] = {"program": self.program} if self.program else {}
        async with (
            self.surroundings(scene) as environment,
            command(
                *self.arguments.split(),
                environment=scene.settings.environment | environment,
                folder=scene.folder,
                outputs=scene.outputs,
                terminal=terminal,
                pipe=pipe,
                **options,
            ) as running,
        ):
            await running.until(lambda: self.seen(scene, running))
            yield running


@asynccontextmanager
async def _files(scene: Scene, **suite: Any) -> AsyncIterator[dict[str, str]]:
    """Suite, scenarios and agent; the suite runs one endless scenario, with a worker of its own."""
    folder = scene.folder
    (folder / "scenarios.yaml").write_text(ENDLESS)
    (folder / "agent.py").write_text(GREETER)
    write_suite(folder, **({"name": folder.name, "runs": [{"scenario": 41}], "worker": AGENT} | suite))
    yield {}


@asynccontextmanager
async def _shared_worker(scene: Scene) -> AsyncIterator[dict[str, str]]:
    suite = {"name": scene.folder.name, "agent_name": scene.worker.agent_name, "runs": [{"scenario": 41}]}
    write_suite(scene.folder, **suite)
    yield {}


@asynccontextmanager
async def _silent_livekit(scene: Scene) -> AsyncIterator[dict[str, str]]:
    """A server at LiveKit's address that accepts connections and never answers; a file tells of the first one."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (scene.folder / "connected").touch()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield {"LIVEKIT_URL": f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"}


@asynccontextmanager
async def _fifo(scene: Scene) -> AsyncIterator[dict[str, str]]:
    pipe = scene.folder / "in.json"
    os.mkfifo(pipe)
    # With a writer that writes nothing, whoever reads it waits.
    writer = os.open(pipe, os.O_RDWR)
    yield {}
    os.close(writer)


@asynccontextmanager
async def _checkout(scene: Scene) -> AsyncIterator[dict[str, str]]:
    # In the folder for temporary files, benchmarks leave what they were writing; nothing reads it.
    yield {"PYTHONPATH": str(ROOT)}


def _has(*programs: str) -> Seen:
    """Tell that processes of these programs run."""

    def seen(_scene: Scene, running: Command) -> bool:
        lines = running.command_lines()
        return all(any(program in line for line in lines) for program in programs)

    return seen


def _printed(words: str) -> Seen:
    return lambda _scene, running: words in running.printed


async def _room_stands(scene: Scene, _running: Command) -> bool:
    return bool(await rooms(scene))


async def _job_runs(scene: Scene, running: Command) -> bool:
    """Dispatch a job once the worker has registered. True when its agent is in the room."""
    if "registered worker" not in running.printed:
        return False
    room = scene.folder.name
    async with livekit_api(scene) as lkapi:
        if not (await lkapi.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms:
            dispatch = api.CreateAgentDispatchRequest(agent_name="greeter", room=room)
            await lkapi.agent_dispatch.create_dispatch(dispatch)
        there = (await lkapi.room.list_participants(api.ListParticipantsRequest(room=room))).participants
        return any(each.state == each.State.ACTIVE for each in there)


def _reads_the_report(scene: Scene, running: Command) -> bool:
    for descriptor in Path(f"/proc/{running.process.pid}/fd").iterdir():
        # Closed since they were listed, it has no name any more.
        with contextlib.suppress(FileNotFoundError):
            if descriptor.readlink() == scene.folder / "in.json":
                return True
    return False


def livekit_api(scene: Scene) -> api.LiveKitAPI:
    return api.LiveKitAPI(scene.livekit.url, scene.livekit.api_key, scene.livekit.api_secret)


async def rooms(scene: Scene) -> list[api.Room]:
    """The rooms of this test's suite, on the server that outlives the command."""
    async with livekit_api(scene) as lkapi:
        listed = await lkapi.room.list_rooms(api.ListRoomsRequest())
    return [room for room in listed.rooms if f'"{scene.folder.name}"' in room.metadata]


RUN = "run --json report.json"
STAGES: Mapping[str, Stage] = {
    "run: the worker starts": Stage(RUN, _has("tests.faults.agent"), _files, report=True),
    "run: they talk": Stage(
        RUN, lambda scene, _: scene.said("You said hello"), _shared_worker, rooms=1, runs=1, report=True
    ),
    "run --sandbox: the server starts": Stage(f"{RUN} --sandbox", _has("livekit-server"), _files, report=True),
    "run --sandbox: they talk": Stage(f"{RUN} --sandbox --follow", _printed("Welcome."), _files, report=True),
    "doctor: the agent is awaited": Stage(
        "doctor", _room_stands, partial(_files, metadata={"behave": "never_connect"}), rooms=1
    ),
    "sandbox: it is up": Stage("sandbox", _printed("The sandbox is up"), _files),
    "sweep: LiveKit is asked": Stage("sweep", lambda scene, _: (scene.folder / "connected").exists(), _silent_livekit),
    "worker: a job runs": Stage("worker agent.py", _job_runs, _files),
    "report: a report is read": Stage("report in.json", _reads_the_report, _fifo),
    "bench: a turn is measured": Stage(
        "server-turn first-reply --short",
        _has("bench.agents", "livekit-server"),
        _checkout,
        program=(sys.executable, "-m", "bench"),
    ),
}
