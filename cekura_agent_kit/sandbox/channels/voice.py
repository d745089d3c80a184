"""The evaluator in voice: publishes speech on a microphone track, and listens to the agent's audio track."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Iterator
from typing import Any, Final

from livekit import rtc

from ...errors import SandboxError
from .pcm import RATE
from .room import RoomChannel
from .segments import SpeechSegmenter
from .speech import Speech, Utterances, check_installed

_FRAME_MS: Final = 50
_FRAME: Final = RATE * _FRAME_MS // 1000
"""Samples in a frame. With the usual 10 ms a conversation costs five times as much of Python's time."""
_QUEUE_MS: Final = 400
"""Sound queued ahead, so that a busy machine leaves no gaps. Queued silence is dropped when speech begins."""
_LISTEN_RATE: Final = 16_000
_INTERRUPT_AFTER: Final = 5.0
"""Seconds to wait for an agent to finish speaking, before the evaluator interrupts it or judges what it said."""
_SUBSCRIBER_WAIT: Final = 5.0
"""Seconds to wait until the agent subscribes to the microphone. An agent in the room takes 0.1."""
_LAST_SOUND: Final = 1.0
"""Seconds for the end of the agent's tracks once it has left. The SDK ends them at once."""
_LAST_SEGMENTS: Final = 15.0
"""Seconds for the recognition of all segments by then; each takes 0.1, on an overloaded machine a second."""

_log: Final = logging.getLogger("cekura_agent_kit.sandbox")


class VoiceChannel(RoomChannel):
    """A channel in voice.

    Args:
        speech: the evaluator's speech, which is synthesized. Default: its own.
        agent: the agent's speech, which is recognized. Default: ``speech``.
    """

    goodbye_wait = 3.0
    """An agent has transcribed last words about a second after their end, and its reply begins later."""
    calm = 1.0
    """A pause between two sentences may be this long."""

    def __init__(self, speech: Speech | None = None, *, agent: Speech | None = None) -> None:
        super().__init__()
        self._speech = speech or Speech()
        self._agent = agent or self._speech
        self._owns_speech = speech is None
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=_QUEUE_MS)
        self._frames_to_say: deque[rtc.AudioFrame] = deque()
        self._all_said = asyncio.Event()
        self._all_said.set()
        self._subscribed = asyncio.Event()
        self._agent_silent = asyncio.Event()
        self._agent_silent.set()
        self._agent_speaks = asyncio.Event()
        self._segmenters: list[SpeechSegmenter] = []
        self._segments: asyncio.Queue[tuple[bytes, float, float]] = asyncio.Queue()
        self._speaking_since = 0.0
        self._unrecognized_seconds = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: set[asyncio.Task[None]] = set()
        self._recognizing: asyncio.Task[None] | None = None
        self.handlers.on("track_subscribed", self._on_track)
        self.handlers.on("local_track_subscribed", lambda _publication: self._subscribed.set())

    async def say(self, text: str, *, interrupt: bool = False) -> None:
        """See `Channel.say`. First waits, for a limited time, until the agent listens and does not speak."""
        pcm = await self._speech.synthesize(text)
        await _wait_for(_SUBSCRIBER_WAIT, self._subscribed)
        if not interrupt:
            await _wait_for(_INTERRUPT_AFTER, self._agent_silent)
        self._drop_heard()
        self._unrecognized_seconds = 0.0
        self._speaking_since = start = self.clock
        self._all_said.clear()
        self._source.clear_queue()
        self._frames_to_say.extend(_frames(pcm))
        await self._all_said.wait()
        self._add_line("evaluator", text, start, self.clock)

    async def can_interrupt(self, within: float) -> bool:
        """See `Channel.can_interrupt`."""
        await _wait_for(within, self._agent_speaks)
        return self.agent_is_speaking

    @property
    def agent_is_busy(self) -> bool:
        """See `Channel.agent_is_busy`."""
        return self.agent_is_speaking or super().agent_is_busy

    @property
    def is_speaking(self) -> bool:
        """The evaluator is speaking now."""
        return bool(self._frames_to_say)

    @property
    def agent_is_speaking(self) -> bool:
        """The agent is speaking now, short pauses included."""
        return not self._agent_silent.is_set()

    @property
    def diagnosis(self) -> str:
        """See `RoomChannel.diagnosis`."""
        if not self.agent_came:
            return ""
        if not self._segmenters:
            return "It published no audio track."
        seconds = max(each.current_seconds for each in self._segmenters)
        if seconds > 1:
            return f"It had been speaking for {seconds:.0f} s without a pause."
        if self._unrecognized_seconds:
            return (
                f"{self._unrecognized_seconds:.1f} s of its speech were not recognized: the sandbox recognizes only "
                "what its own synthesizer was asked to speak."
            )
        if not self._subscribed.is_set():
            return "It did not subscribe to the evaluator's microphone."
        return "" if any(each.any_speech for each in self._segmenters) else "Its audio track was silent."

    async def settle(self) -> None:
        """See `Channel.settle`."""
        await _wait_for(_INTERRUPT_AFTER, self._agent_silent)
        await self._all_recognized()

    async def hang_up(self) -> None:
        """See `Channel.hang_up`."""
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
        self._recognizing = self._start(self._recognize())

    async def _speak_into_microphone(self) -> None:
        """Publish speech, and silence between, like a microphone. `capture_frame` waits until the frame is due."""
        silence = rtc.AudioFrame.create(RATE, 1, _FRAME)
        try:
            while True:
                await self._source.capture_frame(self._frames_to_say.popleft() if self._frames_to_say else silence)
                if not self._frames_to_say and not self._all_said.is_set():
                    await self._source.wait_for_playout()
                    # Speech may have begun meanwhile.
                    if not self._frames_to_say:
                        self._all_said.set()
        finally:
            self._all_said.set()

    def _on_track(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO and participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            stream = rtc.AudioStream(track, sample_rate=_LISTEN_RATE, num_channels=1, frame_size_ms=_FRAME_MS)
            listening = self._start(self._listen(stream))
            self._listening.add(listening)
            listening.add_done_callback(self._listening.discard)

    async def _listen(self, stream: rtc.AudioStream) -> None:
        segmenter = SpeechSegmenter(_LISTEN_RATE)
        self._segmenters.append(segmenter)
        try:
            async for event in stream:
                segment = segmenter.push(event.frame.data.tobytes(), self.clock)
                if any(each.current_seconds for each in self._segmenters):
                    self._agent_silent.clear()
                    self._agent_speaks.set()
                else:
                    self._agent_silent.set()
                    self._agent_speaks.clear()
                if segment is not None:
                    self._segments.put_nowait(segment)
        finally:
            # An agent that leaves just after its last words leaves no pause behind them.
            if not self._hung_up and (last := segmenter.end(self.clock)) is not None:
                self._segments.put_nowait(last)
            await stream.aclose()

    async def _receive_last_words(self) -> None:
        """See `RoomChannel._receive_last_words`."""
        if listening := list(self._listening):
            await asyncio.wait(listening, timeout=_LAST_SOUND)
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
        await self._all_recognized()

    async def _all_recognized(self) -> None:
        """Wait, for a limited time, until the segments that have ended are recognized."""
        if self._recognizing is None:
            return
        recognized = asyncio.create_task(self._segments.join())
        await asyncio.wait({recognized, self._recognizing}, timeout=_LAST_SEGMENTS, return_when=asyncio.FIRST_COMPLETED)
        recognized.cancel()

    async def _recognize(self) -> None:
        """Recognize one segment after the other, in order."""
        utterances = Utterances(self._agent)
        try:
            await asyncio.gather(self._agent.start_recognizer(), self._speech.start_recognizer())
            while True:
                sound, start, end = await self._segments.get()
                words, start = await utterances.recognize(sound, _LISTEN_RATE, start, end)
                self._add_recognized(words, start, end)
                self._segments.task_done()
        except SandboxError as error:
            self._close(f"the evaluator could not listen: {error}. {error.hint}")

    def _add_recognized(self, words: str, start: float, end: float) -> None:
        if not words:
            self._unrecognized_seconds = end - start
            _log.info("%.1f s of the agent's speech were not recognized", end - start)
        elif start < self._speaking_since:
            # Began before the evaluator spoke, or was interrupted by it.
            self._add_line("agent", words, start, end)
        else:
            self._add_heard(words, start, end)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("the evaluator's voice channel broke", exc_info=error)
            self._close(f"the evaluator's voice channel broke ({type(error).__name__})")


def _frames(pcm: bytes) -> Iterator[rtc.AudioFrame]:
    size = 2 * _FRAME
    for at in range(0, len(pcm), size):
        yield rtc.AudioFrame(pcm[at : at + size].ljust(size, b"\0"), RATE, 1, _FRAME)


async def _wait_for(seconds: float, event: asyncio.Event) -> None:
    """Wait for an event, at most for this time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
