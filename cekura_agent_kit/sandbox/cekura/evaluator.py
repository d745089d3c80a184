"""The stand-in's evaluator: it holds a scenario's talk with an agent, over a line, and judges what it heard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from .scenarios import Scenario, Step

_FAREWELL: Final = 1.0
"""Seconds in which the agent may answer a last word that asks for no answer; then the evaluator hangs up."""

Speaker = Literal["evaluator", "agent"]


@dataclass(frozen=True)
class Utterance:
    """Something said, whole. ``start`` and ``end`` are seconds since the evaluator joined."""

    speaker: Speaker
    text: str
    start: float
    end: float


class ChannelClosed(Exception):
    """The agent has left, or the room is gone: nothing more can be said or heard. The text says which."""


class Channel(Protocol):
    """One end of a talk with an agent, in text or in voice, already connected.

    Attributes:
        transcript: what both sides said, in order of its beginning.
        agent_came: whether an agent was ever there.
    """

    transcript: list[Utterance]
    agent_came: bool

    async def say(self, text: str) -> None:
        """Say it to the end. What the agent said before it was begun is not heard any more.

        Raises:
            ChannelClosed: there is nobody to say it to any more.
        """
        ...

    async def hear(self) -> str:
        """The agent's next complete utterance, also one that came before it was asked for. Safe to cancel.

        Raises:
            ChannelClosed: the agent is gone, and all that it said was heard.
        """
        ...

    async def hang_up(self) -> None:
        """Leave the room. Can be called twice."""
        ...


@dataclass(frozen=True)
class Judgement:
    """What a talk came to.

    Attributes:
        success: each ``hear`` was heard.
        score: how many of them, 0 to 100.
        explanation: a sentence for each ``hear`` that was waited for.
        ended_reason: who ended the talk, in Cekura's way of writing.
    """

    success: bool
    score: float
    explanation: list[str]
    ended_reason: str


@dataclass
class Evaluator:
    """Holds one scenario's talk over one line.

    ``judgement`` can be asked for at any time: a talk that is cut short is judged by what was heard so far.
    """

    scenario: Scenario
    line: Channel
    _heard: list[str] = field(default_factory=list)
    """The agent's utterances since the evaluator last spoke."""
    _said: str = ""
    _met: int = 0
    _explanation: list[str] = field(default_factory=list)
    _ended: str = ""

    async def talk(self) -> Judgement:
        """Go through the steps; stops at the first ``hear`` that patience was not enough for. Does not hang up."""
        try:
            for step in self.scenario.talk:
                if not await self._take(step):
                    break
            else:
                await self._farewell()
            self._ended = "testing-agent-ended-call" if self.line.agent_came else "main-agent-did-not-answer"
        except ChannelClosed as closed:
            self._ended = "main-agent-ended-call"
            if self._met < self._wanted and not self._explanation_of_failure:
                self._explanation.append(f"The talk ended early: {closed}.{self._so_far()}")
        return self.judgement

    @property
    def judgement(self) -> Judgement:
        """By what was heard so far."""
        success = self._met == self._wanted
        explanation = list(self._explanation)
        if not success and not self._explanation_of_failure:
            explanation.append(f"The talk was ended before all was heard.{self._so_far()}")
        score = 100.0 * self._met / self._wanted if self._wanted else 100.0
        return Judgement(success, round(score, 1), explanation, self._ended or "call-ended-by-request")

    @property
    def _wanted(self) -> int:
        return sum(step.hear is not None for step in self.scenario.talk)

    @property
    def _explanation_of_failure(self) -> bool:
        return len(self._explanation) > self._met

    async def _take(self, step: Step) -> bool:
        if step.say is not None:
            self._heard.clear()
            self._said = step.say
            await self.line.say(step.say)
        if step.hear is None:
            return True
        try:
            async with asyncio.timeout(self.scenario.patience):
                while not step.heard_in(" ".join(self._heard)):
                    self._heard.append(await self.line.hear())
        except TimeoutError:
            waited = f"Waited {self.scenario.patience:g} s to hear {step.hear!r}."
            self._explanation.append(f"{waited}{self._so_far()}")
            return False
        self._met += 1
        self._explanation.append(f"Heard {step.hear!r}.")
        return True

    async def _farewell(self) -> None:
        if self.scenario.talk[-1].hear is None:
            try:
                async with asyncio.timeout(_FAREWELL):
                    await self.line.hear()
            except TimeoutError:
                pass

    def _so_far(self) -> str:
        after = f"After {self._said!r} the" if self._said else "The"
        return f" {after} agent said {' '.join(self._heard)!r}." if self._heard else f" {after} agent said nothing."
