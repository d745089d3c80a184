"""The evaluator in voice, in real rooms of a real server: real tracks, real Opus."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc

from cekura_agent_kit.errors import SandboxError
from cekura_agent_kit.sandbox.channels.pcm import RATE
from cekura_agent_kit.sandbox.channels.voice import VoiceChannel

from .studio import Studio, frames, scenario, until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("voice")]

GREETING = "Welcome to Luigi's. How can I help you?"
BOOKED = "Your table is booked. See you on Friday."
ORDER = "A table for two on Friday at seven, please."


async def test_the_evaluator_hears_the_agent_and_is_heard(studio: Studio) -> None:
    greeting, booked = await studio.speech.synthesize(GREETING), await studio.speech.synthesize(BOOKED)
    microphone: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()
    async with studio.agent() as room:
        room.once("track_subscribed", lambda track, *_: microphone.set_result(track))
        of = scenario({"hear": "welcome to luigi's"}, {"say": ORDER, "hear": "see you on friday"})
        async with studio.evaluator(of) as evaluator:
            talking = asyncio.create_task(evaluator.run())
            await studio.subscribed(room)
            heard = bytearray()

            async def listen() -> None:
                stream = rtc.AudioStream(await microphone, sample_rate=RATE, num_channels=1)
                try:
                    async for event in stream:
                        heard.extend(event.frame.data.tobytes())
                finally:
                    await stream.aclose()

            listening = asyncio.create_task(listen())
            await studio.play(greeting)
            await until(lambda: any(line.speaker == "evaluator" for line in studio.channel.transcript))
            await studio.play(booked)
            judgement = await asyncio.wait_for(talking, 60)
        listening.cancel()
        await asyncio.wait({listening})
    assert judgement.success, judgement
    assert [(line.speaker, line.text) for line in studio.channel.transcript] == [
        ("agent", GREETING),
        ("evaluator", ORDER),
        ("agent", BOOKED),
    ]
    starts = [line.start for line in studio.channel.transcript]
    assert starts == sorted(starts)
    assert all(line.end - line.start > 1 for line in studio.channel.transcript)
    assert await studio.speech.recognize(bytes(heard), RATE) == ORDER


async def test_the_evaluator_lets_the_agent_finish(studio: Studio) -> None:
    greeting = await studio.speech.synthesize(GREETING)
    async with studio.agent() as room, studio.evaluator(scenario({"say": ORDER})) as evaluator:
        await studio.subscribed(room)
        playing = asyncio.create_task(studio.play(greeting))
        await until(lambda: studio.channel.agent_is_speaking)
        await asyncio.wait_for(evaluator.run(), 60)
        await playing
        await until(lambda: len(studio.channel.transcript) == 2)
    agent, own = studio.channel.transcript
    assert (agent.speaker, own.speaker) == ("agent", "evaluator")
    assert own.start >= agent.end


async def test_an_agent_that_interrupts_is_heard_and_the_evaluator_finishes(
    studio: Studio,
) -> None:
    booked = await studio.speech.synthesize(BOOKED)
    of = scenario({"say": ORDER, "hear": "booked"})
    async with studio.agent() as room, studio.evaluator(of) as evaluator:
        await studio.subscribed(room)
        talking = asyncio.create_task(evaluator.run())
        await until(lambda: studio.channel.is_speaking)
        await studio.play(booked)
        judgement = await asyncio.wait_for(talking, 60)
    assert judgement.success, judgement
    own, agent = studio.channel.transcript
    assert own.end > agent.start > own.start


async def test_what_is_said_at_once_is_said_to_its_end(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowSource(rtc.AudioSource):
        """A source whose first silence ends when the evaluator has begun to speak."""

        spoken = False

        async def capture_frame(self, frame: rtc.AudioFrame) -> None:
            self.spoken = self.spoken or any(frame.data)
            await super().capture_frame(frame)

        async def wait_for_playout(self) -> None:
            await super().wait_for_playout()
            if not self.spoken:
                await until(lambda: channel.is_speaking)

    monkeypatch.setattr(rtc, "AudioSource", SlowSource)
    studio.channel = channel = VoiceChannel(studio.speech)
    async with studio.agent(), studio.evaluator(scenario({"say": ORDER})):
        await asyncio.wait_for(channel.say(ORDER), 60)
    (own,) = channel.transcript
    assert own.end - own.start > 1


async def test_an_agent_without_a_track(studio: Studio) -> None:
    async with studio.agent(track=False), studio.evaluator(scenario({"hear": "welcome"}, patience=1)) as evaluator:
        judgement = await asyncio.wait_for(evaluator.run(), 60)
        assert not judgement.success
        assert studio.channel.diagnosis == "It published no audio track."


async def test_an_agent_with_a_silent_track(studio: Studio) -> None:
    async with studio.agent() as room, studio.evaluator(scenario({"hear": "welcome"}, patience=2)) as evaluator:
        await studio.subscribed(room)
        playing = asyncio.create_task(studio.play(bytes(2 * RATE * 60)))
        judgement = await asyncio.wait_for(evaluator.run(), 60)
        playing.cancel()
        assert not judgement.success
        assert studio.channel.diagnosis == "Its audio track was silent."


async def test_an_agent_that_speaks_without_end(studio: Studio) -> None:
    hours = await studio.speech.synthesize("We are open from Tuesday to Sunday, from noon to ten in the evening.")

    async def for_ever() -> None:
        while True:
            for frame in frames(hours):
                await studio.source.capture_frame(frame)

    async with studio.agent() as room, studio.evaluator(scenario({"hear": "open"}, patience=4)) as evaluator:
        await studio.subscribed(room)
        talking = asyncio.create_task(for_ever())
        judgement = await asyncio.wait_for(evaluator.run(), 60)
        diagnosis = studio.channel.diagnosis
        talking.cancel()
    assert not judgement.success
    assert diagnosis.startswith("It had been speaking for ")
    assert diagnosis.endswith(" s without a pause.")


async def test_an_agent_whose_speech_is_not_recognized(studio: Studio) -> None:
    await studio.speech.synthesize(GREETING)
    from cekura_agent_kit.sandbox.channels.speech import Speech

    async with Speech() as stranger:
        sound = await stranger.synthesize("The weather in Scotland is rather nice today.")
    async with studio.agent() as room, studio.evaluator(scenario({"hear": "weather"}, patience=8)) as evaluator:
        await studio.subscribed(room)
        talking = asyncio.create_task(evaluator.run())
        await studio.play(sound)
        judgement = await asyncio.wait_for(talking, 60)
        assert not judgement.success
        assert "s of its speech were not recognized" in studio.channel.diagnosis


async def test_an_agent_that_leaves_during_the_conversation(studio: Studio) -> None:
    async with studio.evaluator(scenario({"hear": "welcome"})) as evaluator:
        async with studio.agent() as room:
            await studio.subscribed(room)
        judgement = await asyncio.wait_for(evaluator.run(), 60)
    assert judgement.ended_reason == "main-agent-ended-call"
    assert "the agent left the room" in judgement.explanation[0]


async def test_last_words_are_heard_of_an_agent_that_leaves_at_once(studio: Studio) -> None:
    goodbye = await studio.speech.synthesize("Farewell my friend.")
    async with studio.evaluator(scenario({"hear": "farewell my friend"})) as evaluator:
        talking = asyncio.create_task(evaluator.run())
        async with studio.agent() as room:
            await studio.subscribed(room)
            await studio.play(goodbye)
            # The end of the sound is heard; the pause that would end a segment never comes.
            await until(lambda: studio.channel.agent_is_speaking)
            await studio.play()
        judgement = await asyncio.wait_for(talking, 60)
    assert judgement.success, judgement
    assert judgement.ended_reason == "testing-agent-ended-call"


async def test_nothing_is_left_after_hanging_up(studio: Studio) -> None:
    before = asyncio.all_tasks()
    async with studio.agent() as room, studio.evaluator(scenario({"say": ORDER})) as evaluator:
        talking = asyncio.create_task(evaluator.run())
        await studio.subscribed(room)
        await until(lambda: studio.channel.is_speaking)
        talking.cancel()
        await asyncio.wait({talking})
        await studio.channel.hang_up()
        await studio.channel.hang_up()
    await studio.speech.stop()
    await until(lambda: not asyncio.all_tasks() - before)


async def test_the_error_of_a_voice_run_without_the_extra_has_the_command(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cekura_agent_kit.sandbox.channels.speech.find_spec", lambda _: None)
    with pytest.raises(SandboxError) as raised:
        await studio.channel.join(studio.server.url, studio.token("evaluator"))
    await studio.channel.hang_up()
    assert raised.value.hint == "pip install 'cekura-agent-kit[sandbox]'"
