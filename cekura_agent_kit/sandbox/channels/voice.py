"""The evaluator in voice: speech on a microphone track out, the agent's audio track in."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Iterator
from typing import Any, Final

from livekit import rtc

from ...errors import SandboxError
from .room import RoomChannel
from .segments import TalkSegments
from .speech import RATE, Speech, check_installed

_FRAME_MS: Final = 50
_FRAME: Final = RATE * _FRAME_MS // 1000
"""Samples handed over and taken at once: with the usual 10 ms a talk costs five times as much of Python's time."""
_QUEUE_MS: Final = 400
"""Sound handed over ahead of time, so that a busy machine leaves no gaps. Speech does not wait behind silence."""
_EAR_RATE: Final = 16_000
_POLITE: Final = 5.0
"""Seconds for which an agent that is speaking is not talked over."""
_LISTENER: Final = 5.0
"""Seconds to wait until somebody listens to the microphone; an agent that is there takes 0.1."""
_ONE_BREATH: Final = 2.0
"""Seconds between two stretches that may be one line."""

_log: Final = logging.getLogger("cekura_agent_kit.sandbox")


class VoiceChannel(RoomChannel):
    """A line that speaks and listens.

    Args:
        speech: the evaluator's voice; a line without one has its own.
        agent: the agent's voice, whose lines are listened for; without one, those of ``speech``.
    """

    def __init__(self, speech: Speech | None = None, *, agent: Speech | None = None) -> None:
        super().__init__()
        self._speech = speech or Speech()
        self._agent = agent or self._speech
        self._owns_speech = speech is None
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=_QUEUE_MS)
        self._to_say: deque[rtc.AudioFrame] = deque()
        self._all_said = asyncio.Event()
        self._listened_to = asyncio.Event()
        self._agent_silent = asyncio.Event()
        self._agent_silent.set()
        self._tracks: list[TalkSegments] = []
        self._segments: asyncio.Queue[tuple[bytes, float, float]] = asyncio.Queue()
        self._said_at = 0.0
        self._not_understood = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self.room.on("track_subscribed", self._on_track)
        self.room.on("local_track_subscribed", lambda _publication: self._listened_to.set())

    async def say(self, text: str) -> None:
        """See `Line.say`. Waits, within bounds, for an agent that is speaking, and for one that listens."""
        pcm = await self._speech.speak(text)
        await _within(_LISTENER, self._listened_to)
        await _within(_POLITE, self._agent_silent)
        self._forget()
        self._not_understood = 0.0
        self._said_at = start = self.clock
        self._all_said.clear()
        self._source.clear_queue()
        self._to_say.extend(_frames(pcm))
        await self._all_said.wait()
        self._note("evaluator", text, start, self.clock)

    @property
    def speaks(self) -> bool:
        """Whether the evaluator is speaking now."""
        return bool(self._to_say)

    @property
    def agent_speaks(self) -> bool:
        """Whether the agent is speaking now, short pauses included."""
        return not self._agent_silent.is_set()

    @property
    def diagnosis(self) -> str:
        """What else there is to say of an agent that was not understood."""
        if not self.agent_came:
            return ""
        if not self._tracks:
            return "It published no audio track."
        lasting = max(track.lasting for track in self._tracks)
        if lasting > 1:
            return f"It had been talking for {lasting:.0f} s without a pause."
        if self._not_understood:
            return (
                f"It made {self._not_understood:.1f} s of sound that the ears could not know: "
                "they know what the sandbox's voice was asked to speak."
            )
        if not self._listened_to.is_set():
            return "It did not listen to the evaluator's microphone."
        return "" if any(track.ever for track in self._tracks) else "Its audio track was silent."

    async def hang_up(self) -> None:
        """See `Line.hang_up`."""
        await super().hang_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._source.aclose()
        if self._owns_speech:
            await self._speech.stop()

    async def _joined(self) -> None:
        check_installed()
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self._start(self._speak_into_microphone())
        self._start(self._understand())

    async def _speak_into_microphone(self) -> None:
        """As a microphone does: what is to be said, and silence between. `capture_frame` keeps the time."""
        silence = rtc.AudioFrame.create(RATE, 1, _FRAME)
        try:
            while True:
                await self._source.capture_frame(self._to_say.popleft() if self._to_say else silence)
                if not self._to_say and not self._all_said.is_set():
                    await self._source.wait_for_playout()
                    self._all_said.set()
        finally:
            self._all_said.set()

    def _on_track(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO and participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            stream = rtc.AudioStream(track, sample_rate=_EAR_RATE, num_channels=1, frame_size_ms=_FRAME_MS)
            self._start(self._listen(stream))

    async def _listen(self, stream: rtc.AudioStream) -> None:
        talk = TalkSegments(_EAR_RATE)
        self._tracks.append(talk)
        try:
            async for event in stream:
                segment = talk.push(event.frame.data.tobytes(), self.clock)
                if any(track.lasting for track in self._tracks):
                    self._agent_silent.clear()
                else:
                    self._agent_silent.set()
                if segment is not None:
                    self._segments.put_nowait(segment)
        finally:
            await stream.aclose()

    async def _understand(self) -> None:
        """One stretch of speech after the other, so that the order is kept."""
        missed: tuple[bytes, float, float] | None = None
        try:
            await asyncio.gather(self._agent.wake(), self._speech.wake())
            while True:
                sound, start, end = await self._segments.get()
                words = await self._agent.hear(sound, _EAR_RATE)
                if not words and missed and start - missed[2] < _ONE_BREATH:
                    # Cut in two by a machine with too much to do.
                    sound, start = missed[0] + sound, missed[1]
                    words = await self._agent.hear(sound, _EAR_RATE)
                missed = None if words else (sound, start, end)
                self._understood(words, start, end)
        except SandboxError as error:
            self._close(f"the evaluator could not listen: {error}. {error.hint}")

    def _understood(self, words: str, start: float, end: float) -> None:
        if not words:
            self._not_understood = end - start
            _log.info("%.1f s of the agent's sound were not understood", end - start)
        elif start < self._said_at:
            # Said before the evaluator spoke, or broken off by it.
            self._note("agent", words, start, end)
        else:
            self._deliver(words, start, end)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("the evaluator's voice line broke", exc_info=error)
            self._close(f"the evaluator's line broke ({type(error).__name__})")


def _frames(pcm: bytes) -> Iterator[rtc.AudioFrame]:
    size = 2 * _FRAME
    for at in range(0, len(pcm), size):
        yield rtc.AudioFrame(pcm[at : at + size].ljust(size, b"\0"), RATE, 1, _FRAME)


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Wait for it, and no longer than this."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
