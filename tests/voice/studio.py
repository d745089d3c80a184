"""A room of a real server with an agent that is nothing but an audio track, and the evaluator in voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from livekit import api, rtc

from cekura_agent_kit.sandbox.cekura.evaluator import Evaluator
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.channels.pcm import RATE
from cekura_agent_kit.sandbox.channels.speech import Speech
from cekura_agent_kit.sandbox.channels.voice import VoiceChannel
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer

ROOT = Path(__file__).parents[2]
RESTAURANT = ROOT / "examples/restaurant"

QUIET = bytes(RATE // 5)


def scenario(*talk: dict[str, str], patience: float = 30) -> Scenario:
    return Scenario.model_validate({"name": "A talk", "talk": talk, "patience": patience})


class Studio:
    """A room with a microphone that anything can be played into, and the evaluator in voice."""

    def __init__(self, server: LiveKitServer, speech: Speech) -> None:
        self.server, self.speech = server, speech
        self.name = f"room-{uuid4().hex[:8]}"
        self.channel = VoiceChannel(speech)
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=100)

    def token(self, identity: str, *, agent: bool = False) -> str:
        grants = api.VideoGrants(room_join=True, room=self.name, agent=agent)
        made = api.AccessToken(self.server.api_key, self.server.api_secret).with_identity(identity)
        return (
            made.with_kind("agent" if agent else "standard").with_grants(grants).with_ttl(timedelta(minutes=5)).to_jwt()
        )

    @asynccontextmanager
    async def agent(self, *, track: bool = True) -> AsyncIterator[rtc.Room]:
        room = rtc.Room()
        await room.connect(self.server.url, self.token("agent", agent=True))
        if track:
            await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("voice", self.source))
        try:
            yield room
        finally:
            await room.disconnect()
            await self.source.aclose()

    @asynccontextmanager
    async def evaluator(self, of: Scenario) -> AsyncIterator[Evaluator]:
        await self.channel.join(self.server.url, self.token("evaluator"))
        try:
            yield Evaluator(of, self.channel)
        finally:
            await self.channel.hang_up()

    async def play(self, *sounds: bytes) -> None:
        # The first instants of a track are lost on a busy machine; agents take that long to make their speech.
        for frame in frames(b"".join([QUIET, QUIET, *sounds])):
            await self.source.capture_frame(frame)
        await self.source.wait_for_playout()

    async def subscribed(self, room: rtc.Room) -> None:
        """Until the evaluator hears the track."""
        (publication,) = room.local_participant.track_publications.values()
        await asyncio.wait_for(publication.wait_for_subscription(), 30)


def frames(pcm: bytes) -> Iterable[rtc.AudioFrame]:
    size = RATE // 50
    for at in range(0, len(pcm), 2 * size):
        yield rtc.AudioFrame(pcm[at : at + 2 * size].ljust(2 * size, b"\0"), RATE, 1, size)


async def until(true: Callable[[], object], *, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
