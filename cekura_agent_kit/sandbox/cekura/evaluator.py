"""The stand-in's evaluator: holds a scenario's conversation with an agent, and judges it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ..channels.channel import Channel, ChannelClosed
from .scenarios import Scenario, Step


@dataclass(frozen=True)
class Judgement:
    """The result of a conversation.

    Attributes:
        success: each ``hear`` of the scenario was heard.
        score: the part that was heard, 0 to 100.
        explanation: one sentence for each ``hear`` that the evaluator waited for.
        ended_reason: who ended the conversation, in Cekura's words: ``testing-agent-ended-call``,
            ``main-agent-ended-call``, ``main-agent-did-not-answer`` or ``call-ended-by-request``.
    """

    success: bool
    score: float
    explanation: list[str]
    ended_reason: str


@dataclass
class Evaluator:
    """One scenario's conversation over one channel."""

    scenario: Scenario
    channel: Channel
    _heard: list[str] = field(default_factory=list)
    """The agent's utterances since the evaluator last spoke."""
    _last_said: str = ""
    _met: int = 0
    """Number of ``hear`` that were heard."""
    _explanation: list[str] = field(default_factory=list)
    _ended_reason: str = "call-ended-by-request"

    async def run(self) -> Judgement:
        """Go through the steps, up to the first ``hear`` that is not heard in time. Does not hang up."""
        try:
            for step in self.scenario.talk:
                if not await self._do(step):
                    break
            else:
                await self._wait_for_goodbye()
            answered = self.channel.agent_came
            self._ended_reason = "testing-agent-ended-call" if answered else "main-agent-did-not-answer"
        except ChannelClosed as closed:
            self._ended_reason = "main-agent-ended-call"
            if self._met < self._expected and not self._failure_explained:
                self._explanation.append(f"The conversation ended early: {closed}.{self._since_last_said()}")
        return self.judgement

    @property
    def judgement(self) -> Judgement:
        """The judgement of what was heard so far; final once `run` has returned."""
        success = self._met == self._expected
        explanation = list(self._explanation)
        if not success and not self._failure_explained:
            explanation.append(f"The conversation was ended before everything was heard.{self._since_last_said()}")
        score = 100.0 * self._met / self._expected if self._expected else 100.0
        return Judgement(success, round(score, 1), explanation, self._ended_reason)

    @property
    def _expected(self) -> int:
        return sum(step.hear is not None for step in self.scenario.talk)

    @property
    def _failure_explained(self) -> bool:
        return len(self._explanation) > self._met

    async def _do(self, step: Step) -> bool:
        if step.say is not None:
            self._heard.clear()
            self._last_said = step.say
            await self.channel.say(step.say)
        if step.hear is None:
            return True
        if not await self._hears(step, within=self.scenario.patience):
            # What was said in time may not be understood yet.
            await self.channel.settle()
        if not await self._hears(step, within=0):
            waited = f"Waited {self.scenario.patience:g} s to hear {step.hear!r}."
            self._explanation.append(f"{waited}{self._since_last_said()}")
            return False
        self._met += 1
        self._explanation.append(f"Heard {step.hear!r}.")
        return True

    async def _hears(self, step: Step, *, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                while not step.matches(" ".join(self._heard)):
                    self._heard.append(await self.channel.hear())
        except TimeoutError:
            return False
        return True

    async def _wait_for_goodbye(self) -> None:
        if self.scenario.talk[-1].hear is None:
            try:
                async with asyncio.timeout(self.channel.goodbye_wait):
                    await self.channel.hear()
            except TimeoutError:
                pass

    def _since_last_said(self) -> str:
        after = f"After {self._last_said!r} the" if self._last_said else "The"
        return f" {after} agent said {' '.join(self._heard)!r}." if self._heard else f" {after} agent said nothing."
