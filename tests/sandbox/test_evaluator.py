"""Judgement of a conversation, over a channel without a room."""

from __future__ import annotations

import asyncio

import pytest

from cekura_agent_kit.sandbox.cekura.evaluator import Evaluator, Judgement
from cekura_agent_kit.sandbox.channels.channel import ChannelClosed, Utterance
from cekura_agent_kit.sandbox.channels.voice import VoiceChannel

from .cekura_requests import scenario


class Script:
    """A channel whose agent gives the written answers; ``""`` first, for the greeting."""

    goodbye_wait = 1.0

    def __init__(self, answers: dict[str, list[str]], *, leaves_after: str | None = None) -> None:
        self.transcript: list[Utterance] = []
        self.agent_came = bool(answers)
        self.said: list[str] = []
        self.spoken_to = asyncio.Event()
        self.late: list[str] = []
        self._answers, self._leaves_after = answers, leaves_after
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._answer("")

    async def say(self, text: str) -> None:
        self.said.append(text)
        self.spoken_to.set()
        while not self._queue.empty():
            if self._queue.get_nowait() is None:
                raise ChannelClosed("the agent left the room")
        self._answer(text)

    async def hear(self) -> str:
        if (words := await self._queue.get()) is None:
            raise ChannelClosed("the agent left the room")
        return words

    async def settle(self) -> None:
        while self.late:
            self._queue.put_nowait(self.late.pop(0))

    async def hang_up(self) -> None:
        raise AssertionError("the evaluator does not hang up")

    def _answer(self, text: str) -> None:
        for each in self._answers.get(text, []):
            self._queue.put_nowait(each)
        if text == self._leaves_after:
            self._queue.put_nowait(None)


async def judged(channel: Script, *talk: dict[str, str], patience: float = 0.05) -> Judgement:
    return await Evaluator(scenario(*talk, patience=patience), channel).run()


async def test_passes_when_each_hear_was_heard() -> None:
    channel = Script({"": ["WELCOME to us."], "a table": ["One moment.", "It is", "booked."], "bye": ["Bye."]})
    steps = ({"hear": "welcome"}, {"say": "a table", "hear": "is booked"}, {"say": "bye"})
    assert await judged(channel, *steps, patience=5) == Judgement(
        True, 100.0, ["Heard 'welcome'.", "Heard 'is booked'."], "testing-agent-ended-call"
    )


async def test_a_step_with_say_and_hear_speaks_first() -> None:
    channel = Script({"hello": ["Hello."]})
    assert (await judged(channel, {"say": "hello", "hear": "hello"}, patience=5)).success


async def test_quotes_what_was_said_instead() -> None:
    channel = Script({"": ["Welcome."], "a table": ["We are", "full."]})
    judgement = await judged(channel, {"hear": "welcome"}, {"say": "a table", "hear": "booked"}, {"say": "bye"})
    assert not judgement.success
    assert judgement.score == 50.0
    assert judgement.explanation[-1] == (
        "Waited 0.05 s to hear 'booked'. After 'a table' the agent said 'We are full.'."
    )
    assert channel.said == ["a table"]


async def test_words_from_before_it_spoke_do_not_count() -> None:
    channel = Script({"": ["Welcome, all tables are booked."], "a table": ["No."]})
    judgement = await judged(channel, {"hear": "welcome"}, {"say": "a table", "hear": "booked"})
    assert not judgement.success
    assert "the agent said 'No.'" in judgement.explanation[-1]


async def test_two_steps_without_say_search_the_same_words() -> None:
    assert (await judged(Script({"": ["Welcome to Luigi's."]}), {"hear": "welcome"}, {"hear": "luigi"})).success


async def test_an_agent_that_said_nothing_is_reported_so() -> None:
    judgement = await judged(Script({}), {"say": "hello", "hear": "."})
    assert judgement.explanation == ["Waited 0.05 s to hear '.'. After 'hello' the agent said nothing."]
    assert judgement.ended_reason == "main-agent-did-not-answer"


async def test_an_agent_that_leaves_early_fails() -> None:
    channel = Script({"": ["Welcome."]}, leaves_after="")
    judgement = await judged(channel, {"hear": "welcome"}, {"hear": "how can I help"}, patience=5)
    assert (judgement.success, judgement.ended_reason) == (False, "main-agent-ended-call")
    assert (
        judgement.explanation[-1] == "The conversation ended early: the agent left the room. The agent said 'Welcome.'."
    )


async def test_an_agent_that_leaves_after_all_was_heard_passes() -> None:
    channel = Script({"bye": ["Goodbye."]}, leaves_after="bye")
    judgement = await judged(channel, {"say": "bye", "hear": "goodbye"}, patience=5)
    assert judgement.success


async def test_in_voice_an_agent_has_the_time_to_answer_last_words() -> None:
    class Voice(Script):
        goodbye_wait = VoiceChannel.goodbye_wait

        async def say(self, text: str) -> None:
            # Speech is transcribed about a second after its end, and only then answered.
            asyncio.get_running_loop().call_later(1.5, super()._answer, text)

        async def hear(self) -> str:
            words = await super().hear()
            self.transcript.append(Utterance("agent", words, 0, 0))
            return words

    channel = Voice({"bye": ["Goodbye."]})
    await judged(channel, {"say": "bye"})
    assert [line.text for line in channel.transcript] == ["Goodbye."]


async def test_an_interrupted_conversation_is_judged_by_what_was_heard() -> None:
    channel = Script({"": ["Welcome."]})
    evaluator = Evaluator(scenario({"hear": "welcome"}, {"say": "more", "hear": "never said"}, patience=60), channel)
    conversation = asyncio.create_task(evaluator.run())
    async with asyncio.timeout(10):
        await channel.spoken_to.wait()
    conversation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await conversation
    assert not evaluator.judgement.success
    assert evaluator.judgement.score == 50.0
    assert (
        "ended before everything was heard. After 'more' the agent said nothing." in evaluator.judgement.explanation[-1]
    )


async def test_words_that_are_understood_late_were_said_in_time() -> None:
    channel = Script({"a table": ["One moment."]})
    channel.late = ["It is", "booked."]
    judgement = await judged(channel, {"say": "a table", "hear": "is booked"})
    assert judgement.success
    assert judgement.explanation == ["Heard 'is booked'."]
