"""How a talk is judged, over a line without a room."""

from __future__ import annotations

import asyncio

import pytest

from cekura_agent_kit.sandbox.cekura.evaluator import ChannelClosed, Evaluator, Judgement, Utterance

from .conftest import scenario


class Script:
    """A line whose agent says what is written, as answers to what it is told; ``""`` first, for the greeting."""

    def __init__(self, answers: dict[str, list[str]], *, leaves_after: str | None = None) -> None:
        self.transcript: list[Utterance] = []
        self.agent_came = bool(answers)
        self.said: list[str] = []
        self.spoken_to = asyncio.Event()
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

    async def hang_up(self) -> None:
        raise AssertionError("hanging up is its owner's business")

    def _answer(self, text: str) -> None:
        for each in self._answers.get(text, []):
            self._queue.put_nowait(each)
        if text == self._leaves_after:
            self._queue.put_nowait(None)


async def judged(line: Script, *talk: dict[str, str], patience: float = 0.05) -> Judgement:
    return await Evaluator(scenario(*talk, patience=patience), line).talk()


async def test_passes_when_each_hear_was_heard() -> None:
    line = Script({"": ["WELCOME to us."], "a table": ["One moment.", "It is", "booked."], "bye": ["Bye."]})
    steps = ({"hear": "welcome"}, {"say": "a table", "hear": "is booked"}, {"say": "bye"})
    assert await judged(line, *steps, patience=5) == Judgement(
        True, 100.0, ["Heard 'welcome'.", "Heard 'is booked'."], "testing-agent-ended-call"
    )


async def test_a_step_that_says_first_speaks_at_once() -> None:
    line = Script({"hello": ["Hello."]})
    assert (await judged(line, {"say": "hello", "hear": "hello"}, patience=5)).success


async def test_quotes_what_was_said_instead() -> None:
    line = Script({"": ["Welcome."], "a table": ["We are", "full."]})
    judgement = await judged(line, {"hear": "welcome"}, {"say": "a table", "hear": "booked"}, {"say": "bye"})
    assert not judgement.success
    assert judgement.score == 50.0
    assert judgement.explanation[-1] == (
        "Waited 0.05 s to hear 'booked'. After 'a table' the agent said 'We are full.'."
    )
    assert line.said == ["a table"]


async def test_words_from_before_it_spoke_do_not_count() -> None:
    line = Script({"": ["Welcome, all tables are booked."], "a table": ["No."]})
    judgement = await judged(line, {"hear": "welcome"}, {"say": "a table", "hear": "booked"})
    assert not judgement.success
    assert "the agent said 'No.'" in judgement.explanation[-1]


async def test_two_steps_that_only_hear_look_at_the_same_words() -> None:
    assert (await judged(Script({"": ["Welcome to Luigi's."]}), {"hear": "welcome"}, {"hear": "luigi"})).success


async def test_silence_is_said_to_be_silence() -> None:
    judgement = await judged(Script({}), {"say": "hello", "hear": "."})
    assert judgement.explanation == ["Waited 0.05 s to hear '.'. After 'hello' the agent said nothing."]
    assert judgement.ended_reason == "main-agent-did-not-answer"


async def test_an_agent_that_leaves_early_fails() -> None:
    line = Script({"": ["Welcome."]}, leaves_after="")
    judgement = await judged(line, {"hear": "welcome"}, {"hear": "how can I help"}, patience=5)
    assert (judgement.success, judgement.ended_reason) == (False, "main-agent-ended-call")
    assert judgement.explanation[-1] == "The talk ended early: the agent left the room. The agent said 'Welcome.'."


async def test_an_agent_that_leaves_after_all_was_heard_passes() -> None:
    line = Script({"bye": ["Goodbye."]}, leaves_after="bye")
    judgement = await judged(line, {"say": "bye", "hear": "goodbye"}, patience=5)
    assert judgement.success


async def test_a_talk_cut_short_is_judged_by_what_was_heard() -> None:
    line = Script({"": ["Welcome."]})
    evaluator = Evaluator(scenario({"hear": "welcome"}, {"say": "more", "hear": "never said"}, patience=60), line)
    talk = asyncio.create_task(evaluator.talk())
    async with asyncio.timeout(10):
        await line.spoken_to.wait()
    talk.cancel()
    with pytest.raises(asyncio.CancelledError):
        await talk
    assert not evaluator.judgement.success
    assert evaluator.judgement.score == 50.0
    assert "ended before all was heard. After 'more' the agent said nothing." in evaluator.judgement.explanation[-1]
