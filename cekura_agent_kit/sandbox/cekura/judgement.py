"""The judgement of a conversation, and what a conversation is to those who run it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from .line_use import LineUse

BLOCKED_HINT: Final = "say in the statement what can be heard in the call or seen in its tool calls"
"""Advice on a statement that a judge cannot decide."""


@dataclass(frozen=True)
class JudgedStatement:
    """One statement of the expected outcome, as a model judged it.

    Attributes:
        text: the statement.
        outcome: ``blocked`` if the model could not decide.
        reason: the model's reason, or what kept it from judging.
    """

    text: str
    outcome: Literal["met", "not_met", "blocked"]
    reason: str = ""

    @property
    def aligned(self) -> bool | str:
        """The outcome, as Cekura writes it."""
        return self.outcome if self.outcome == "blocked" else self.outcome == "met"


@dataclass(frozen=True)
class Played:
    """Facts of a caller that a model played.

    Attributes:
        model: name of the model.
        prompts: versions of the prompts: ``caller 1, outcome 1``.
        turns: number of the caller's turns.
        tokens: tokens that the caller's model has read and written; estimated where the endpoint does not report them.
    """

    model: str
    prompts: str
    turns: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Judgement:
    """The result of a conversation.

    Attributes:
        success: each expectation of the scenario holds, or each statement of its outcome is met.
        score: the part that holds, 0 to 100. Of statements as on Cekura: 0 if one is not met, 50 if one is blocked.
        explanation: one sentence for each expectation or statement that was judged.
        ended_reason: who ended the conversation, in Cekura's words: ``testing-agent-ended-call``,
            ``main-agent-ended-call``, ``main-agent-did-not-answer`` or ``call-ended-by-request``.
        statements: judged by a model; none of a scripted conversation.
        played: by which model the caller was played; None of a scripted conversation.
    """

    success: bool
    score: float
    explanation: list[str]
    ended_reason: str
    statements: tuple[JudgedStatement, ...] = ()
    played: Played | None = None

    @property
    def is_blocked(self) -> bool:
        """True if a statement could not be judged and none is not met: the conversation neither passed nor failed."""
        outcomes = {each.outcome for each in self.statements}
        return "blocked" in outcomes and "not_met" not in outcomes

    @property
    def problems(self) -> list[str]:
        """Sentences of the explanation on what does not hold; empty if all holds."""
        if self.success:
            return []
        if not self.statements:
            # A script ends at the first expectation that does not hold.
            return self.explanation[-1:]
        number = len(self.statements)
        open_ones = [
            sentence
            for sentence, each in zip(self.explanation[:number], self.statements, strict=True)
            if each.outcome != "met"
        ]
        return [*open_ones, *self.explanation[number:]]


class Conversation(Protocol):
    """One conversation with an agent, scripted or played by a model.

    Attributes:
        line_use: the lines of the scenario that were of use.
    """

    line_use: LineUse

    @property
    def judgement(self) -> Judgement:
        """The judgement of what was observed so far; final once `run` has returned."""
        ...

    async def run(self) -> Judgement:
        """Hold the conversation, and judge it."""
        ...
