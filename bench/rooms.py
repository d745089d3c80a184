"""A real livekit-server, a real worker, and who talks with it: what the benchmarks over the wire share."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from livekit import rtc
from pydantic import SecretStr

from cekura_agent_kit.contract import JobMetadata, Mode
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.presence import ANNOUNCED
from cekura_agent_kit.trigger.rooms.readiness import SIMULATION
from cekura_agent_kit.trigger.rooms.service import LiveKit, Participant, participant_token
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.trigger.timing import Timing
from cekura_agent_kit.trigger.worker.worker import Worker

ROOT = Path(__file__).parents[1]
EVALUATOR = "evaluator"
CHAT, TRANSCRIPTION = "lk.chat", "lk.transcription"
DEADLINE = 60.0
"""Seconds for whatever must come about; far more than it takes."""
SETTLED = 1.0
"""Seconds that an agent has been in its room before its evaluator comes: its session has started by then."""
COMES = 30.0
"""Seconds in which an agent comes, if it comes: 0.5 on a machine that does nothing else."""


class NoAgentError(Exception):
    """No agent came, or it left at once."""


class Caller:
    """A text evaluator in one room. Times are `time.perf_counter`'s."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.joined = 0.0
        self.heard: list[tuple[float, str]] = []
        self._news = asyncio.Event()
        self._reading: set[asyncio.Task[None]] = set()
        self.room.register_text_stream_handler(TRANSCRIPTION, self._on_stream)

    async def join(self, url: str, token: str) -> None:
        await self.room.connect(url, token)
        self.joined = time.perf_counter()

    async def say(self, words: str) -> float:
        """Say it; gives when."""
        at = time.perf_counter()
        await self.room.local_participant.send_text(words, topic=CHAT)
        return at

    async def hear(self, words: str, *, since: float, within: float) -> float | None:
        """Return the time when the agent had said it; None if it did not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    for at, said in self.heard:
                        if at >= since and words.lower() in said.lower():
                            return at
                    self._news.clear()
                    await self._news.wait()
        return None

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if identity != self.room.local_participant.identity:
            task = asyncio.create_task(self._read(reader))
            self._reading.add(task)
            task.add_done_callback(self._on_read)

    def _on_read(self, task: asyncio.Task[None]) -> None:
        self._reading.discard(task)
        # A stream that broke off, as the room ended or the agent crashed, said nothing whole.
        if not task.cancelled() and (error := task.exception()):
            print(f"# a stream broke off: {error}")

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        said = await reader.read_all()
        self.heard.append((time.perf_counter(), said))
        self._news.set()


class Rooms:
    """Makes rooms with an agent in them."""

    def __init__(self, settings: Settings, livekit: LiveKit, agent_name: str) -> None:
        self._settings = settings
        self._livekit = livekit
        self._agent_name = agent_name
        self._timing = Timing.of(settings)

    @property
    def url(self) -> str:
        """The address at which a participant joins."""
        return self._settings.room_url

    def token(self, room: str, identity: str) -> str:
        """Return what a participant joins with."""
        return participant_token(self._settings, room=room, identity=identity, ttl=DEADLINE)

    @asynccontextmanager
    async def agent(self, shape: str, way: str) -> AsyncIterator[str]:
        """A room in which this shape of agent has settled, switched to text in this way.

        Raises:
            NoAgentError: none came.
        """
        asked = {"shape": shape, "way": way}
        if way == "wrapped":
            metadata = JobMetadata(mode=Mode.TEXT, scenario=1, suite="bench", case="1#1", own=asked).to_json()
        elif way == "tracer":
            metadata = json.dumps({"text_mode": True, **asked})
        else:
            metadata = json.dumps(asked)
        async with self.empty() as name:
            switch = SIMULATION if way == "dispatch" else None
            await self.dispatch(name, metadata=metadata, attributes=switch)
            try:
                await self._until(lambda seen: seen.is_agent and seen.state == "active", name, within=COMES)
            except TimeoutError:
                raise NoAgentError(f"no {shape} came {way} within {COMES:g} s") from None
            await asyncio.sleep(SETTLED)
            yield name

    async def dispatch(self, room: str, *, metadata: str, attributes: Mapping[str, str] | None = None) -> None:
        """Dispatch the worker's agent."""
        await self._livekit.dispatch(room, agent_name=self._agent_name, metadata=metadata, attributes=attributes)

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        """A room with nobody in it."""
        name = f"bench-{secrets.token_hex(6)}"
        await self._livekit.create_room(name, metadata="", lasts=DEADLINE)
        try:
            yield name
        finally:
            await self._livekit.delete_room(name)

    @asynccontextmanager
    async def caller(self, room: str, *, announced: bool, identity: str = EVALUATOR) -> AsyncIterator[Caller]:
        """An evaluator that has just joined.

        Args:
            room: which.
            announced: as our trigger does it, on its own clock, beginning when the evaluator is sent for. Others wait
                for the server, which announces who publishes no track up to 3 s late.
            identity: the evaluator's.
        """
        caller = Caller()
        announcing = asyncio.create_task(self._announce(room, identity)) if announced else None
        try:
            await caller.join(self.url, self.token(room, identity))
            yield caller
        finally:
            if announcing is not None:
                await announcing
            await caller.room.disconnect()

    async def _announce(self, room: str, identity: str) -> None:
        await self._until(lambda seen: seen.identity == identity and seen.state == "active", room)
        await self._livekit.set_attribute(room, identity, ANNOUNCED)

    async def _until(self, seen: Callable[[Participant], bool], room: str, *, within: float = DEADLINE) -> None:
        async with asyncio.timeout(within):
            while True:
                if any(map(seen, await self._livekit.participants(room, urgent=True))):
                    return
                await asyncio.sleep(self._timing.list_fast)


@asynccontextmanager
async def rooms(command: str = "python -m bench.agents start") -> AsyncIterator[Rooms]:
    """Rooms on a server of their own, served by a worker."""
    async with await LiveKitServer.running() as server:
        settings = settings_of(server)
        environment = os.environ | settings.environment
        async with (
            Worker(command, folder=ROOT, environment=environment, agent_name="bench") as worker,
            LiveKit(settings, Budget(1000)) as livekit,
        ):
            yield Rooms(settings, livekit, worker.agent_name)


def settings_of(server: LiveKitServer) -> Settings:
    """Return the settings of a server. Nobody answers for Cekura."""
    return Settings(
        cekura_api_key=SecretStr("bench"),
        cekura_api_url="http://127.0.0.1:9",
        livekit_url=server.url,
        livekit_api_key=SecretStr(server.api_key),
        livekit_api_secret=SecretStr(server.api_secret),
    )
