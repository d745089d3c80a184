"""A channel: the evaluator's end of a conversation, whatever it is held over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Speaker = Literal["evaluator", "agent"]


@dataclass(frozen=True)
class Utterance:
    """A complete utterance. ``start`` and ``end`` are seconds since the evaluator joined."""

    speaker: Speaker
    text: str
    start: float
    end: float


class ChannelClosed(Exception):
    """The agent has left, or the room is closed: nothing can be said or heard any more. The text says which."""


class Channel(Protocol):
    """The evaluator's end of a conversation with an agent, in text or in voice, already connected.

    Attributes:
        transcript: all utterances of both sides, in the order in which they began.
        agent_came: an agent has been there at some time.
        goodbye_wait: seconds in which the agent may answer last words that expect no answer, and understands them;
            then the evaluator hangs up.
    """

    transcript: list[Utterance]
    agent_came: bool
    goodbye_wait: float

    async def say(self, text: str) -> None:
        """Say the text, and return when all of it has been said.

        Drops the agent's earlier utterances: `hear` returns only what the agent says after this began.

        Raises:
            ChannelClosed: the agent is gone.
        """
        ...

    async def hear(self) -> str:
        """Wait for the agent's next complete utterance, and return it. It may have come earlier. Safe to cancel.

        Raises:
            ChannelClosed: the agent is gone, and all of its utterances have been returned.
        """
        ...

    async def settle(self) -> None:
        """Wait, for a limited time, until `hear` has all that the agent has begun to say by now."""
        ...

    async def hang_up(self) -> None:
        """Leave the room. Can be called twice."""
        ...
