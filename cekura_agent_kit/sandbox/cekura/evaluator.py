"""The stand-in's evaluator: holds a scenario's conversation with an agent, and judges it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from ...errors import ScenarioError
from ..channels.channel import Channel, ChannelClosed
from .expectations import Answer, Expectation, expectations
from .judgement import Judgement
from .line_use import LineUse
from .scenarios import Scenario
from .steps import Step

_TICK: Final = 0.02
"""Seconds between two looks at what has no event of its own: tool calls, and whether the agent is busy."""


@dataclass
class Evaluator:
    """One scenario's conversation over one channel.

    Attributes:
        line_use: the lines of the scenario that were of use.
        ends_after: seconds for which the agent, once it has answered, is not busy and says nothing, after which nothing
            more is waited for. None: the scenario's patience alone counts. Only where the agent's state is exact.
    """

    scenario: Scenario
    channel: Channel
    line_use: LineUse = field(default_factory=LineUse)
    ends_after: float | None = None
    _heard: list[str] = field(default_factory=list)
    """The agent's utterances since the evaluator last did something."""
    _since: float = 0.0
    """Time of it, on the channel's clock."""
    _last_said: str = ""
    _forbidding: list[Expectation] = field(default_factory=list)
    """Expectations since then about what must not occur."""
    _met: int = 0
    """Number of expectations that hold."""
    _explanation: list[str] = field(default_factory=list)
    _is_broken: bool = False
    _ended_reason: str = "call-ended-by-request"

    def __post_init__(self) -> None:
        if self.scenario.caller is not None:
            raise ScenarioError(
                f"the scenario {self.scenario.name!r} has a `caller`, which a model plays, and no script",
                hint="write its script as `talk`, or play it with a model",
            )

    async def run(self) -> Judgement:
        """Go through the steps, up to the first that does not hold. Does not hang up."""
        try:
            await self._converse()
            answered = self.channel.agent_came
            self._ended_reason = "testing-agent-ended-call" if answered else "main-agent-did-not-answer"
        except ChannelClosed as closed:
            self._ended_reason = "main-agent-ended-call"
            self._judge_forbidding()
            if self._met < self._expected and not self._is_broken:
                self._explanation.append(f"The conversation ended early: {closed}.{self._since_last_said()}")
                self._is_broken = True
        return self.judgement

    @property
    def judgement(self) -> Judgement:
        """The judgement of what was observed so far; final once `run` has returned."""
        success = self._met == self._expected
        explanation = list(self._explanation)
        if not success and not self._is_broken:
            explanation.append(f"The conversation was ended before everything was heard.{self._since_last_said()}")
        score = 100.0 * self._met / self._expected if self._expected else 100.0
        return Judgement(success, round(score, 1), explanation, self._ended_reason)

    @property
    def _expected(self) -> int:
        return sum(len(expectations(step)) for step in self.scenario.talk)

    async def _converse(self) -> None:
        if any(step.names_tools for step in self.scenario.talk):
            await self.channel.watch_tools()
        for number, step in enumerate(self.scenario.talk, start=1):
            self.line_use.reached = number
            if not await self._do(step, number):
                return
        await self._wait_for_goodbye()
        await self._end_answer()

    async def _do(self, step: Step, number: int) -> bool:
        if step.pause is not None:
            await asyncio.sleep(step.pause)
        if step.acts and not (await self._end_answer() and await self._act(step)):
            return False
        awaited = [each for each in expectations(step) if not each.forbids]
        self._forbidding += [each for each in expectations(step) if each.forbids]
        if not awaited:
            return True
        patience = self.scenario.patience if step.silence is None else step.silence
        began = self.channel.clock
        try:
            if not await self._wait_for(awaited, within=patience):
                # What was said in time may not be understood yet.
                await self.channel.settle()
                await self._receive()
        except ChannelClosed:
            # What the agent did before it left counts.
            if not self._all_hold(awaited):
                self._count([each for each in awaited if each.holds(self._answer)], patience, number)
                raise
        if self._count(awaited, min(patience, round(self.channel.clock - began, 1) or patience), number):
            return True
        self._judge_forbidding()
        return False

    async def _act(self, step: Step) -> bool:
        """Do what the step says. What the agent does from now on is the answer."""
        if step.silence is not None:
            await self._until_quiet()
        if step.interrupt and not await self.channel.can_interrupt(self.scenario.patience):
            waited = f"Waited {self.scenario.patience:g} s to interrupt the agent, and it did not speak."
            self._explanation.append(waited + self._since_last_said())
            self._is_broken = True
            return False
        if step.say is None:
            await self._receive()
        self._heard.clear()
        self._since = self.channel.clock
        if step.data is not None:
            self._last_said = ""
            await self.channel.send_data(step.data)
        if step.say is not None:
            self._last_said = step.say
            await self.channel.say(step.say, interrupt=step.interrupt)
            said = [line.start for line in self.channel.transcript if line.speaker == "evaluator"]
            self._since = max([self._since, *said[-1:]])
        return True

    async def _wait_for(self, awaited: Sequence[Expectation], *, within: float) -> bool:
        """Wait until all of these hold, or one of them cannot hold any more."""
        ticks = self.ends_after is not None or any(each.ticks for each in awaited)
        quiet_since = self.channel.clock
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._all_hold(awaited) and not any(each.is_lost(self._answer) for each in awaited):
                    heard = len(self._heard)
                    await self._next(ticks=ticks)
                    if len(self._heard) > heard or self.channel.agent_is_busy:
                        quiet_since = self.channel.clock
                    elif self._heard and self.channel.clock - quiet_since > (self.ends_after or within):
                        break
        return self._all_hold(awaited)

    async def _next(self, *, ticks: bool) -> None:
        """Wait for the agent's next utterance; with ``ticks``, at most for a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TICK if ticks else None):
                self._heard.append(await self.channel.hear())

    async def _receive(self) -> None:
        """Receive the utterances that are complete by now."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                while True:
                    self._heard.append(await self.channel.hear())

    async def _end_answer(self) -> bool:
        """Wait until the agent's answer is complete, and judge what must not be in it."""
        if not self._forbidding:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(self.scenario.patience):
                while not self._answer.words and not self._answer.uses:
                    await self._next(ticks=True)
        await self._until_quiet()
        await self.channel.settle()
        await self._receive()
        return self._judge_forbidding()

    async def _until_quiet(self) -> None:
        """Wait until the agent has finished, at most for the scenario's patience."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.scenario.patience):
                since = self.channel.clock
                while self.channel.clock - since < self.channel.calm:
                    await asyncio.sleep(_TICK)
                    if self.channel.agent_is_busy:
                        since = self.channel.clock

    def _judge_forbidding(self) -> bool:
        forbidding, self._forbidding = self._forbidding, []
        return self._count(forbidding, self.scenario.patience)

    def _count(self, judged: Sequence[Expectation], waited: float, number: int = 0) -> bool:
        """Count the expectations that hold, and explain each; return true if all hold."""
        answer = self._answer
        broken = [each for each in judged if not each.holds(answer)]
        for each in judged:
            self._explanation.append(each.broken(answer, waited) if each in broken else each.met(answer))
            self.line_use.matched |= {(number, pattern) for pattern in each.alternatives(answer)}
        self._met += len(judged) - len(broken)
        if broken:
            place = len(self._explanation) - len(judged) + judged.index(broken[-1])
            self._explanation[place] += self._since_last_said()
            self._is_broken = True
        return not broken

    def _all_hold(self, awaited: Sequence[Expectation]) -> bool:
        return all(each.holds(self._answer) for each in awaited)

    @property
    def _answer(self) -> Answer:
        uses = [use for use in self.channel.uses if use.at >= self._since]
        return Answer(" ".join(self._heard), uses, self._delay(), self.channel.sees_tools)

    def _delay(self) -> float | None:
        """Return the seconds from the evaluator's words to the first of the agent's; of nothing said, from its act."""
        lines = [line for line in self.channel.transcript if line.start >= self._since]
        said = next((line.end for line in lines if line.speaker == "evaluator"), self._since)
        reply = next((line.start for line in lines if line.speaker == "agent"), None)
        return None if reply is None else max(0.0, reply - said)

    async def _wait_for_goodbye(self) -> None:
        if not self.scenario.talk[-1].expects_words and not self._forbidding:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.channel.goodbye_wait):
                    self._heard.append(await self.channel.hear())

    def _since_last_said(self) -> str:
        after = f"After {self._last_said!r} the" if self._last_said else "The"
        return f" {after} agent said {' '.join(self._heard)!r}." if self._heard else f" {after} agent said nothing."
