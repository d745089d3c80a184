"""A channel: the evaluator's end of a conversation, whatever it is held over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Speaker = Literal["evaluator", "agent"]


@dataclass(frozen=True)
class Utterance:
    """A complete utterance. ``start`` and ``end`` are seconds since the evaluator joined."""

    speaker: Speaker
    text: str
    start: float
    end: float


@dataclass(frozen=True)
class ToolUse:
    """A tool call of the agent. ``at`` is in seconds since the evaluator joined."""

    name: str
    arguments: Mapping[str, Any]
    at: float


class ChannelClosed(Exception):
    """The agent has left, or the room is closed: nothing can be said or heard any more. The text says which."""


class Channel(Protocol):
    """The evaluator's end of a conversation with an agent, in text or in voice, already connected.

    Attributes:
        transcript: all utterances of both sides, in the order in which they began.
        agent_came: an agent has been there at some time.
        goodbye_wait: seconds in which the agent may answer last words that expect no answer, and understands them;
            then the evaluator hangs up.
        calm: seconds for which an agent that has finished is not busy.
        uses: the agent's tool calls, once `watch_tools` was called, also earlier ones.
        sees_tools: the agent's tool calls are received.
        agent_is_busy: the agent thinks, uses tools or speaks, or words of it are on their way.
        clock: seconds since the evaluator joined.
    """

    transcript: list[Utterance]
    agent_came: bool
    goodbye_wait: float
    calm: float

    @property
    def uses(self) -> Sequence[ToolUse]:
        """See above."""
        ...

    @property
    def sees_tools(self) -> bool:
        """See above."""
        ...

    @property
    def agent_is_busy(self) -> bool:
        """See above."""
        ...

    @property
    def clock(self) -> float:
        """See above."""
        ...

    async def watch_tools(self) -> None:
        """Receive the agent's tool calls from now on. Called before the conversation."""
        ...

    async def can_interrupt(self, within: float) -> bool:
        """Wait until the agent speaks, for up to ``within`` seconds; False if it did not. In text, return at once."""
        ...

    async def send_data(self, payload: Mapping[str, Any]) -> None:
        """Publish a message: JSON in a data packet without a topic.

        Raises:
            ChannelClosed: the agent is gone.
        """
        ...

    async def say(self, text: str, *, interrupt: bool = False) -> None:
        """Say the text, and return when all of it has been said.

        With ``interrupt`` it is said whether or not the agent speaks.

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
