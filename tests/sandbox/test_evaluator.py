"""Judgement of a conversation, over a channel without a room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cekura_agent_kit.sandbox.cekura.evaluator import Evaluator
from cekura_agent_kit.sandbox.cekura.judgement import Judgement
from cekura_agent_kit.sandbox.cekura.line_use import unused_lines
from cekura_agent_kit.sandbox.channels.channel import ChannelClosed, ToolUse, Utterance
from cekura_agent_kit.sandbox.channels.voice import VoiceChannel

from .cekura_requests import scenario


class Script:
    """A channel whose agent gives the written answers; ``""`` first, for the greeting. Its time is ``clock``."""

    goodbye_wait = 1.0
    calm = 0.0
    sees_tools = True
    agent_is_busy = False

    def __init__(
        self,
        answers: dict[str, list[str]],
        *,
        leaves_after: str | None = None,
        calls: dict[str, list[tuple[str, dict[str, Any]]]] | None = None,
        delay: float = 0.0,
    ) -> None:
        self.transcript: list[Utterance] = []
        self.agent_came = bool(answers)
        self.uses: list[ToolUse] = []
        self.clock = 0.0
        self.said: list[str] = []
        self.data: list[Any] = []
        self.interrupted: list[str] = []
        self.speaks = True
        self.spoken_to = asyncio.Event()
        self.late: list[str] = []
        self._answers, self._calls, self._leaves_after, self._delay = answers, calls or {}, leaves_after, delay
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._answer("")

    async def watch_tools(self) -> None: ...

    async def can_interrupt(self, within: float) -> bool:
        return self.speaks

    async def send_data(self, payload: Any) -> None:
        self.data.append(payload)
        self._answer(payload["type"])

    async def say(self, text: str, *, interrupt: bool = False) -> None:
        self.said.append(text)
        self.interrupted += [text] if interrupt else []
        self.spoken_to.set()
        while not self._queue.empty():
            if self._queue.get_nowait() is None:
                raise ChannelClosed("the agent left the room")
        self.clock += 1
        self.transcript.append(Utterance("evaluator", text, self.clock, self.clock))
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

    def speak(self, text: str) -> None:
        """Let the agent speak by itself."""
        self.clock += 1
        self._queue.put_nowait(text)
        self.transcript.append(Utterance("agent", text, self.clock, self.clock))

    def _answer(self, text: str) -> None:
        self.uses += [ToolUse(name, arguments, self.clock) for name, arguments in self._calls.get(text, [])]
        for each in self._answers.get(text, []):
            self._queue.put_nowait(each)
            self.transcript.append(Utterance("agent", each, self.clock + self._delay, self.clock + self._delay))
        if text == self._leaves_after:
            self._queue.put_nowait(None)


async def judged(channel: Script, *talk: dict[str, Any], patience: float = 0.05) -> Judgement:
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

        async def say(self, text: str, *, interrupt: bool = False) -> None:
            # Speech is transcribed about a second after its end, and only then answered.
            asyncio.get_running_loop().call_later(1.5, super()._answer, text)

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


BOOKS = {"a table": [("book_table", {"people": 2, "name": "Maria"})]}


@pytest.mark.parametrize(
    ("step", "sentences"),
    [
        ({"hear_all": ["friday", "booked"]}, ["Heard 'friday' and 'booked'."]),
        ({"hear_any": ["monday", "friday"]}, ["Heard 'friday'."]),
        ({"not_hear": ["monday", "sorry"]}, ["Did not hear 'monday'.", "Did not hear 'sorry'."]),
        ({"call": "book_table"}, ["The agent called book_table."]),
        (
            {"call": {"tool": "book_table", "arguments": {"people": 2, "name": "maria"}}},
            ['The agent called book_table(people=2, name="maria").'],
        ),
        ({"no_call": ["pay", {"tool": "book_table", "arguments": {"people": 3}}]}, ["", ""]),
        ({"within": "2s"}, ["The agent replied within 2 s."]),
        ({"hear": "booked", "not_hear": "sorry", "within": "2s", "call": "book_table"}, ["", "", "", ""]),
    ],
)
async def test_an_expectation_that_holds(step: dict[str, Any], sentences: list[str]) -> None:
    channel = Script({"a table": ["It is booked", "on Friday."]}, calls=BOOKS, delay=1.5)
    judgement = await judged(channel, {"say": "a table", **step}, patience=5)
    assert (judgement.success, judgement.score) == (True, 100.0), judgement
    assert len(judgement.explanation) == len(sentences)
    assert all(said == wanted or not wanted for said, wanted in zip(judgement.explanation, sentences, strict=True))


SAID = "After 'a table' the agent said 'It is booked on Friday.'."


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (
            {"hear_all": ["friday", "for two"]},
            f"Waited 0.05 s to hear 'friday' and 'for two'. Missing: 'for two'. {SAID}",
        ),
        ({"hear_any": ["monday", "sunday"]}, f"Waited 0.05 s to hear 'monday' or 'sunday'. {SAID}"),
        ({"not_hear": "friday"}, f"Heard 'friday', which must not be heard. {SAID}"),
        (
            {"call": {"tool": "book_table", "arguments": {"people": 3}}},
            "Waited 0.05 s for a call of book_table(people=3). The agent called "
            f'book_table(people=2, name="Maria"). {SAID}',
        ),
        (
            {"call": {"tool": "book_table", "arguments": {"vip": True}}},
            "Waited 0.05 s for a call of book_table(vip=true). The agent called "
            f'book_table(people=2, name="Maria"). {SAID}',
        ),
        ({"no_call": "*"}, f'The agent called book_table(people=2, name="Maria"), which must not be called. {SAID}'),
        ({"within": "1s"}, f"The agent replied after 1.5 s, and had to within 1 s. {SAID}"),
    ],
)
async def test_the_reason_of_one_that_does_not_hold(step: dict[str, Any], sentence: str) -> None:
    channel = Script({"a table": ["It is booked", "on Friday."]}, calls=BOOKS, delay=1.5)
    judgement = await judged(channel, {"say": "a table", **step}, {"say": "never said"})
    assert not judgement.success
    assert judgement.explanation == [sentence]
    assert channel.said == ["a table"]


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"within": "1s"}, "Waited 0.05 s for a reply, which had to begin within 1 s."),
        ({"not_hear": "friday"}, "Waited 0.05 s for a reply, which must not have 'friday'."),
        ({"no_call": "pay"}, "Waited 0.05 s for a reply, which must not call pay."),
        ({"call": "pay"}, "Waited 0.05 s for a call of pay. The agent called nothing."),
    ],
)
async def test_an_agent_that_does_nothing_passes_nothing(step: dict[str, Any], sentence: str) -> None:
    judgement = await judged(Script({"": ["Hello."]}), {"hear": "hello"}, {"say": "a table", **step})
    assert not judgement.success
    assert judgement.explanation == ["Heard 'hello'.", f"{sentence} After 'a table' the agent said nothing."]


@pytest.mark.parametrize("step", [{"call": "book_table"}, {"no_call": "pay"}])
async def test_tool_calls_that_cannot_be_seen_pass_nothing(step: dict[str, Any]) -> None:
    channel = Script({"a table": ["It is booked."]})
    channel.sees_tools = False
    judgement = await judged(channel, {"say": "a table", **step})
    assert not judgement.success
    assert "tool calls cannot be seen: it is not wrapped" in judgement.explanation[-1]


async def test_what_is_forbidden_is_forbidden_until_the_evaluator_speaks_again() -> None:
    late = Script({"a table": ["It is booked."], "bye": ["Sorry."]})
    steps = ({"say": "a table", "hear": "booked", "not_hear": "sorry"}, {"say": "bye", "hear": "sorry"})
    assert (await judged(late, *steps, patience=5)).success
    late = Script({"a table": ["It is booked."], "bye": ["Bye."]})
    late.late = ["Sorry, it is not."]
    judgement = await judged(late, *steps, patience=5)
    assert not judgement.success
    assert "Heard 'sorry', which must not be heard." in judgement.explanation[-1]
    assert late.said == ["a table"]


async def test_calls_from_before_it_spoke_do_not_count() -> None:
    channel = Script({"a table": ["Booked."], "bye": ["Bye."]}, calls=BOOKS)
    steps = ({"say": "a table", "call": "book_table"}, {"say": "bye", "no_call": "book_table"})
    assert (await judged(channel, *steps, patience=5)).success
    again = Script({"a table": ["Booked."], "bye": ["Bye."]}, calls=BOOKS)
    assert not (await judged(again, {"say": "a table", "hear": "booked"}, {"say": "bye", "call": "book_table"})).success


async def test_a_message_is_published_and_its_effect_is_heard() -> None:
    channel = Script({"": ["Hello."], "hurry": ["At once."]})
    judgement = await judged(channel, {"data": {"type": "hurry"}, "hear": "at once", "not_hear": "hello"}, patience=5)
    assert judgement.success, judgement
    assert channel.data == [{"type": "hurry"}]


async def test_silence_ends_when_the_agent_speaks_by_itself() -> None:
    channel = Script({"": ["Hello."]})
    steps = ({"hear": "hello"}, {"silence": "60s", "hear": "still there"})
    talking = asyncio.create_task(Evaluator(scenario(*steps), channel).run())
    async with asyncio.timeout(20):
        while not talking.done():
            channel.speak("Are you still there?")
            await asyncio.sleep(0.01)
    judgement = await talking
    assert judgement.explanation[1:] == ["The agent spoke by itself within 60 s.", "Heard 'still there'."]
    assert channel.said == []


async def test_words_from_before_the_silence_do_not_end_it() -> None:
    channel = Script({"": ["Hello.", "Welcome."]})
    judgement = await judged(channel, {"hear": "hello"}, {"silence": "50ms"}, patience=5)
    assert judgement.explanation[-1] == (
        "Said nothing for 0.05 s, in which the agent had to speak. The agent said nothing."
    )


async def test_an_interruption_needs_an_agent_that_speaks() -> None:
    channel = Script({"": ["Hello."], "wait": ["Yes?"]})
    steps = ({"hear": "hello"}, {"say": "wait", "interrupt": True, "hear": "yes"})
    assert (await judged(channel, *steps, patience=5)).success
    assert channel.interrupted == ["wait"]
    channel = Script({"": ["Hello."]})
    channel.speaks = False
    judgement = await judged(channel, *steps, patience=5)
    assert judgement.explanation[-1].startswith("Waited 5 s to interrupt the agent, and it did not speak.")
    assert channel.said == []


async def test_lines_that_matched_nothing_are_known() -> None:
    of = scenario(
        {"hear_any": ["hello", "hi", "hey"]}, {"say": "a table", "hear": "booked"}, {"say": "bye"}, patience=0.05
    )
    uses = []
    for greeting in ("Hello.", "Hi."):
        evaluator = Evaluator(of, Script({"": [greeting]}))
        await evaluator.run()
        uses.append(evaluator.line_use)
    assert list(unused_lines(of, uses).values()) == ["step 1, hear_any 'hey'", "step 3 (never reached)"]
