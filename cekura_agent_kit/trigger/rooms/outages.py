"""Outages of the LiveKit server during one conversation, by its answers. Pure."""

from __future__ import annotations

from typing import Final

SLOW: Final = 10.0
"""Seconds without an answer from which on a conversation cannot be trusted; a shorter outage is noted."""


class Outages:
    """Outages so far. Times are seconds from the suite's start.

    Args:
        refusals: connections that the server had refused to the suite before; see `count_refusals`.

    Attributes:
        joined_again: number of those, of evaluator and agent, who had to join again.
        witness_lost: the witness lost its connection. That one party does is the party's; that two do, the server's:
            a node of a cluster died, another one made the room again under its old id, and nobody was refused.
    """

    def __init__(self, refusals: int = 0) -> None:
        self._refusals_before = refusals
        self._since: float | None = None
        self._longest = 0.0
        self._refused_or_restarted = False
        self.joined_again = 0
        self.witness_lost = False

    @property
    def _was_down(self) -> bool:
        return self._refused_or_restarted or self.joined_again + self.witness_lost > 1

    def unanswered(self, now: float, *, refused: bool) -> None:
        """Note a request without an answer.

        Args:
            now: time at which the request failed.
            refused: the server refused the connection: it is not running.
        """
        self._since = now if self._since is None else self._since
        self._refused_or_restarted = self._refused_or_restarted or refused
        self._longest = max(self._longest, now - self._since)

    def count_refusals(self, refusals: int) -> None:
        """Note connections that the server has refused to the whole suite: a restart may fall between two requests."""
        self._refused_or_restarted = self._refused_or_restarted or refusals > self._refusals_before

    def restarted(self) -> None:
        """Note a restart that no refused connection showed."""
        self._refused_or_restarted = True

    @property
    def goes_on(self) -> bool:
        """True from a request without an answer to the next answer."""
        return self._since is not None

    def answered(self, now: float) -> None:
        """Note an answer."""
        if self._since is not None:
            self._longest = max(self._longest, now - self._since)
            self._since = None

    @property
    def is_breakdown(self) -> bool:
        """True if the server was down, or did not answer for long."""
        return self._was_down or self._longest >= SLOW

    @property
    def description(self) -> str:
        """Sentence for a report; empty without an outage."""
        if self._was_down:
            return "the LiveKit server was down or restarted during the conversation"
        return f"the LiveKit server did not answer for {self._longest:.0f} s" if self._longest > 0 else ""
