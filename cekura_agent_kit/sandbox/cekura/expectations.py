"""Expectations of a step: each holds or does not, and says so in a sentence. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...report.transcript_lines import tool_call
from ...verdict import Line
from ..channels.channel import ToolUse
from .steps import Step, ToolPattern, found

UNSEEN: Final = (
    "The agent's tool calls cannot be seen: it is not wrapped, its kit is older, or it did not accept the test's "
    "signature."
)


@dataclass(frozen=True)
class Answer:
    """Words and tool calls of the agent since the evaluator last did something.

    Attributes:
        words: all of its utterances, joined by spaces.
        uses: its tool calls.
        delay: seconds from the evaluator's words to the first of the agent's; None before the agent has replied.
        sees_tools: the evaluator receives the agent's tool calls.
    """

    words: str
    uses: Sequence[ToolUse]
    delay: float | None
    sees_tools: bool = True


class Expectation(ABC):
    """One expectation.

    Attributes:
        forbids: it is about what must not occur, and is known only when the agent has finished.
        ticks: it may come true without a word of the agent's.
    """

    forbids = False
    ticks = False

    @abstractmethod
    def holds(self, answer: Answer) -> bool:
        """Return true if it holds."""

    @abstractmethod
    def met(self, answer: Answer) -> str:
        """Return the sentence of one that holds."""

    @abstractmethod
    def broken(self, answer: Answer, waited: float) -> str:
        """Return the sentence of one that does not hold after this many seconds."""

    def is_lost(self, answer: Answer) -> bool:
        """Return true if it does not hold, and will not."""
        return False

    def alternatives(self, answer: Answer) -> list[str]:
        """Return those of several alternatives that the agent's words match."""
        return []


@dataclass(frozen=True)
class Heard(Expectation):
    """All of the patterns are heard; with ``one``, one of them."""

    patterns: Sequence[str]
    one: bool = False

    def holds(self, answer: Answer) -> bool:
        """See `Expectation`."""
        return (any if self.one else all)(found(each, answer.words) for each in self.patterns)

    def met(self, answer: Answer) -> str:
        """See `Expectation`."""
        return f"Heard {_listed(self.alternatives(answer), 'and')}."

    def broken(self, answer: Answer, waited: float) -> str:
        """See `Expectation`."""
        sentence = f"Waited {waited:g} s to hear {_listed(self.patterns, 'or' if self.one else 'and')}."
        missing = [each for each in self.patterns if not found(each, answer.words)]
        return sentence + (f" Missing: {_listed(missing, 'and')}." if len(missing) < len(self.patterns) else "")

    def alternatives(self, answer: Answer) -> list[str]:
        """See `Expectation`."""
        return [each for each in self.patterns if found(each, answer.words)]


@dataclass(frozen=True)
class NotHeard(Expectation):
    """The pattern is not heard."""

    pattern: str
    forbids = True

    def holds(self, answer: Answer) -> bool:
        """See `Expectation`. An agent that said nothing was not measured."""
        return bool(answer.words or answer.uses) and not found(self.pattern, answer.words)

    def met(self, answer: Answer) -> str:
        """See `Expectation`."""
        return f"Did not hear {self.pattern!r}."

    def broken(self, answer: Answer, waited: float) -> str:
        """See `Expectation`."""
        if not answer.words:
            return f"Waited {waited:g} s for a reply, which must not have {self.pattern!r}."
        return f"Heard {self.pattern!r}, which must not be heard."


@dataclass(frozen=True)
class Called(Expectation):
    """The tool is called."""

    tool: ToolPattern
    ticks = True

    def holds(self, answer: Answer) -> bool:
        """See `Expectation`."""
        return any(self.tool.matches(use.name, use.arguments) for use in answer.uses)

    def met(self, answer: Answer) -> str:
        """See `Expectation`."""
        return f"The agent called {_wanted(self.tool)}."

    def broken(self, answer: Answer, waited: float) -> str:
        """See `Expectation`."""
        if not answer.sees_tools:
            return f"Waited {waited:g} s for a call of {_wanted(self.tool)}. {UNSEEN}"
        # The nearest calls first: those of the same tool.
        uses = [use for use in answer.uses if use.name == self.tool.tool] or list(answer.uses)
        called = ", ".join(map(_used, uses)) or "nothing"
        return f"Waited {waited:g} s for a call of {_wanted(self.tool)}. The agent called {called}."


@dataclass(frozen=True)
class NotCalled(Expectation):
    """The tool is not called."""

    tool: ToolPattern
    forbids = True

    def holds(self, answer: Answer) -> bool:
        """See `Expectation`. An agent that did nothing, or whose calls cannot be seen, was not measured."""
        return answer.sees_tools and bool(answer.words or answer.uses) and not self._calls(answer)

    def met(self, answer: Answer) -> str:
        """See `Expectation`."""
        return f"The agent did not call {_wanted(self.tool)}."

    def broken(self, answer: Answer, waited: float) -> str:
        """See `Expectation`."""
        if calls := self._calls(answer):
            return f"The agent called {', '.join(map(_used, calls))}, which must not be called."
        if not answer.sees_tools:
            return UNSEEN
        return f"Waited {waited:g} s for a reply, which must not call {_wanted(self.tool)}."

    def _calls(self, answer: Answer) -> list[ToolUse]:
        return [use for use in answer.uses if self.tool.matches(use.name, use.arguments)]


@dataclass(frozen=True)
class Replied(Expectation):
    """The reply begins within this many seconds; in silence, the agent speaks by itself."""

    within: float
    in_silence: bool = False

    def holds(self, answer: Answer) -> bool:
        """See `Expectation`."""
        if self.in_silence:
            return bool(answer.words)
        return answer.delay is not None and answer.delay <= self.within

    def is_lost(self, answer: Answer) -> bool:
        """See `Expectation`."""
        return not self.in_silence and answer.delay is not None and answer.delay > self.within

    def met(self, answer: Answer) -> str:
        """See `Expectation`."""
        if self.in_silence:
            return f"The agent spoke by itself within {self.within:g} s."
        return f"The agent replied within {self.within:g} s."

    def broken(self, answer: Answer, waited: float) -> str:
        """See `Expectation`."""
        if self.in_silence:
            return f"Said nothing for {self.within:g} s, in which the agent had to speak."
        if answer.delay is None:
            return f"Waited {waited:g} s for a reply, which had to begin within {self.within:g} s."
        return f"The agent replied after {answer.delay:.1f} s, and had to within {self.within:g} s."


def expectations(step: Step) -> list[Expectation]:
    """Return the expectations of a step, those first that are known first."""
    found: list[Expectation] = []
    if step.silence is not None:
        found.append(Replied(step.silence, in_silence=True))
    if step.within is not None:
        found.append(Replied(step.within))
    if step.hear is not None:
        found.append(Heard([step.hear]))
    if step.hear_all is not None:
        found.append(Heard(step.hear_all))
    if step.hear_any is not None:
        found.append(Heard(step.hear_any, one=True))
    found += [Called(each) for each in step.call or ()]
    found += [NotHeard(each) for each in step.not_hear or ()]
    found += [NotCalled(each) for each in step.no_call or ()]
    return found


def _listed(patterns: Sequence[str], word: str) -> str:
    *first, last = map(repr, patterns)
    return f"{', '.join(first)} {word} {last}" if first else last


def _wanted(pattern: ToolPattern) -> str:
    name = "any tool" if pattern.tool == "*" else pattern.tool
    if not pattern.arguments:
        return name
    return tool_call(Line(role="tool", name=name, arguments=pattern.arguments))


def _used(use: ToolUse) -> str:
    return tool_call(Line(role="tool", name=use.name, arguments=dict(use.arguments)))
