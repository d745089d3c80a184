"""A text evaluator for the tests: joins with a token, says its words, hears the agent's."""

from __future__ import annotations

import asyncio
import time
from itertools import takewhile
from types import TracebackType
from typing import Self

from livekit import api, rtc

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

DEADLINE = 90.0
"""Seconds; a job process on a busy machine takes half a minute to import livekit.agents."""


class Evaluator:
    """In one room. `at` is when each of the agent's segments was opened, in seconds after the join."""

    def __init__(
        self,
        server: LiveKitServer,
        room: str,
        identity: str,
        *,
        hidden: bool = False,
        room_config: api.RoomConfiguration | None = None,
    ) -> None:
        self.hidden = hidden
        self.room_config = room_config
        self.server = server
        self.name = room
        self.identity = identity
        self.room = rtc.Room()
        self.at: list[float] = []
        self._segments: list[str | None] = []
        self.ended: list[str] = []
        """The agent's segments of which the end came, too."""
        self.audio_tracks: list[str] = []
        self.packets: list[tuple[str, str]] = []
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.room.register_text_stream_handler("lk.transcription", self._on_stream)
        self.room.on("track_published", self._on_track)
        self.room.on("data_received", self._on_data)
        self.room.on("disconnected", lambda *_: self._news.set())

    async def __aenter__(self) -> Self:
        token = (
            api.AccessToken(self.server.api_key, self.server.api_secret)
            .with_identity(self.identity)
            .with_grants(api.VideoGrants(room_join=True, room=self.name, hidden=self.hidden))
        )
        if self.room_config is not None:
            token = token.with_room_config(self.room_config)
        await self.room.connect(self.server.url, token.to_jwt())
        self.joined = time.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.room.disconnect()

    @property
    def heard(self) -> list[str]:
        """The agent's segments in the order in which they were opened, up to the first that is still read.

        livekit reads streams side by side, so a later one may be read before an earlier one.
        """
        return [each for each in takewhile(lambda segment: segment is not None, self._segments) if each is not None]

    async def say(self, text: str) -> None:
        await self.room.local_participant.send_text(text, topic="lk.chat")

    async def send_packet(self, data: str | bytes, topic: str) -> None:
        await self.room.local_participant.publish_data(data, topic=topic)

    async def packet(self) -> tuple[str, str]:
        """The first packet that came: its topic and its text."""
        async with asyncio.timeout(DEADLINE):
            while not self.packets:
                self._news.clear()
                await self._news.wait()
        return self.packets[0]

    async def first_words(self) -> str:
        """The agent's first segment, once it is complete."""
        async with asyncio.timeout(DEADLINE):
            while not self.heard:
                self._news.clear()
                await self._news.wait()
        return self.heard[0]

    async def hear(self, text: str) -> None:
        """Wait until the agent has said it."""
        try:
            async with asyncio.timeout(DEADLINE):
                while text not in self.heard:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{text!r} was not heard, but {self.heard}") from None

    async def disconnected(self) -> None:
        """Wait until somebody else has ended the room, and all streams that came before are read."""
        async with asyncio.timeout(DEADLINE):
            while self.room.isconnected():
                self._news.clear()
                await self._news.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if identity == self.identity:
            return
        self.at.append(time.monotonic() - self.joined)
        self._segments.append(None)
        task = asyncio.create_task(self._read(reader, len(self._segments) - 1))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, reader: rtc.TextStreamReader, index: int) -> None:
        self._segments[index] = text = await reader.read_all()
        if (reader.info.attributes or {}).get("lk.transcription_final") == "true":
            self.ended.append(text)
        self._news.set()

    def _on_track(self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        if publication.kind == rtc.TrackKind.KIND_AUDIO:
            self.audio_tracks.append(f"{participant.identity}: {publication.name}")

    def _on_data(self, packet: rtc.DataPacket) -> None:
        self.packets.append((packet.topic or "", packet.data.decode()))
        self._news.set()
