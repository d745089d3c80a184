"""The evaluator in voice, in real rooms of a real server: real tracks, real Opus."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc

from cekura_agent_kit.errors import SandboxError
from cekura_agent_kit.sandbox.channels.speech import RATE

from .conftest import Studio, frames, scenario, until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("voice")]

GREETING = "Welcome to Luigi's. How can I help you?"
BOOKED = "Your table is booked. See you on Friday."
ORDER = "A table for two on Friday at seven, please."


async def test_it_hears_what_the_agent_says_and_is_heard(studio: Studio) -> None:
    greeting, booked = await studio.speech.speak(GREETING), await studio.speech.speak(BOOKED)
    microphone: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()
    async with studio.agent() as room:
        room.on("track_subscribed", lambda track, *_: microphone.done() or microphone.set_result(track))
        talk = scenario({"hear": "welcome to luigi's"}, {"say": ORDER, "hear": "see you on friday"})
        async with studio.evaluator(talk) as evaluator:
            talking = asyncio.create_task(evaluator.talk())
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
            await until(lambda: any(line.speaker == "evaluator" for line in studio.line.transcript))
            await studio.play(booked)
            judgement = await asyncio.wait_for(talking, 60)
        listening.cancel()
        await asyncio.wait({listening})
    assert judgement.success, judgement
    assert [(line.speaker, line.text) for line in studio.line.transcript] == [
        ("agent", GREETING),
        ("evaluator", ORDER),
        ("agent", BOOKED),
    ]
    starts = [line.start for line in studio.line.transcript]
    assert starts == sorted(starts)
    assert all(line.end - line.start > 1 for line in studio.line.transcript)
    assert await studio.speech.hear(bytes(heard), RATE) == ORDER


async def test_it_lets_the_agent_finish_before_it_speaks(studio: Studio) -> None:
    greeting = await studio.speech.speak(GREETING)
    async with studio.agent() as room, studio.evaluator(scenario({"say": ORDER})) as evaluator:
        await studio.subscribed(room)
        playing = asyncio.create_task(studio.play(greeting))
        await until(lambda: studio.line.agent_speaks)
        await asyncio.wait_for(evaluator.talk(), 60)
        await playing
        await until(lambda: len(studio.line.transcript) == 2)
    agent, own = studio.line.transcript
    assert (agent.speaker, own.speaker) == ("agent", "evaluator")
    assert own.start >= agent.end


async def test_what_the_agent_says_while_it_is_spoken_to_is_heard_and_the_line_is_said_to_its_end(
    studio: Studio,
) -> None:
    booked = await studio.speech.speak(BOOKED)
    talk = scenario({"say": ORDER, "hear": "booked"})
    async with studio.agent() as room, studio.evaluator(talk) as evaluator:
        await studio.subscribed(room)
        talking = asyncio.create_task(evaluator.talk())
        await until(lambda: studio.line.speaks)
        await studio.play(booked)
        judgement = await asyncio.wait_for(talking, 60)
    assert judgement.success, judgement
    own, agent = studio.line.transcript
    assert own.end > agent.start > own.start


async def test_an_agent_without_a_track(studio: Studio) -> None:
    async with studio.agent(track=False), studio.evaluator(scenario({"hear": "welcome"}, patience=1)) as evaluator:
        judgement = await asyncio.wait_for(evaluator.talk(), 60)
        assert not judgement.success
        assert studio.line.diagnosis == "It published no audio track."


async def test_an_agent_with_a_silent_track(studio: Studio) -> None:
    async with studio.agent() as room, studio.evaluator(scenario({"hear": "welcome"}, patience=2)) as evaluator:
        await studio.subscribed(room)
        playing = asyncio.create_task(studio.play(bytes(2 * RATE * 60)))
        judgement = await asyncio.wait_for(evaluator.talk(), 60)
        playing.cancel()
        assert not judgement.success
        assert studio.line.diagnosis == "Its audio track was silent."


async def test_an_agent_that_talks_without_end(studio: Studio) -> None:
    hours = await studio.speech.speak("We are open from Tuesday to Sunday, from noon to ten in the evening.")

    async def for_ever() -> None:
        while True:
            for frame in frames(hours):
                await studio.source.capture_frame(frame)

    async with studio.agent() as room, studio.evaluator(scenario({"hear": "open"}, patience=4)) as evaluator:
        await studio.subscribed(room)
        talking = asyncio.create_task(for_ever())
        judgement = await asyncio.wait_for(evaluator.talk(), 60)
        diagnosis = studio.line.diagnosis
        talking.cancel()
    assert not judgement.success
    assert diagnosis.startswith("It had been talking for ")
    assert diagnosis.endswith(" s without a pause.")


async def test_an_agent_with_a_voice_that_the_ears_do_not_know(studio: Studio) -> None:
    await studio.speech.speak(GREETING)
    from cekura_agent_kit.sandbox.channels.speech import Speech

    async with Speech() as stranger:
        sound = await stranger.speak("The weather in Scotland is rather nice today.")
    async with studio.agent() as room, studio.evaluator(scenario({"hear": "weather"}, patience=8)) as evaluator:
        await studio.subscribed(room)
        talking = asyncio.create_task(evaluator.talk())
        await studio.play(sound)
        judgement = await asyncio.wait_for(talking, 60)
        assert not judgement.success
        assert "s of sound that the ears could not know" in studio.line.diagnosis


async def test_an_agent_that_leaves_in_the_middle(studio: Studio) -> None:
    async with studio.evaluator(scenario({"hear": "welcome"})) as evaluator:
        async with studio.agent() as room:
            await studio.subscribed(room)
        judgement = await asyncio.wait_for(evaluator.talk(), 60)
    assert judgement.ended_reason == "main-agent-ended-call"
    assert "the agent left the room" in judgement.explanation[0]


async def test_nothing_is_left_after_hanging_up(studio: Studio) -> None:
    before = asyncio.all_tasks()
    async with studio.agent() as room, studio.evaluator(scenario({"say": ORDER})) as evaluator:
        talking = asyncio.create_task(evaluator.talk())
        await studio.subscribed(room)
        await until(lambda: studio.line.speaks)
        talking.cancel()
        await asyncio.wait({talking})
        await studio.line.hang_up()
        await studio.line.hang_up()
    await studio.speech.stop()
    await until(lambda: not asyncio.all_tasks() - before)


async def test_without_the_extra_a_voice_run_says_what_to_install(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cekura_agent_kit.sandbox.channels.speech.find_spec", lambda _: None)
    with pytest.raises(SandboxError) as raised:
        await studio.line.join(studio.server.url, studio.token("evaluator"))
    await studio.line.hang_up()
    assert raised.value.hint == "pip install 'cekura-agent-kit[sandbox]'"
