"""Number of runs at a time, where a suite says `concurrency: auto`. Pure: it is told how late agents came."""

from __future__ import annotations

from typing import Final

_SLOWER: Final = 4.0
"""Times the fastest arrival beyond which an agent is late: cores that are all in use make each a little later."""
_ALWAYS_IN_TIME: Final = 2.0
"""Seconds above the fastest arrival that are never late: a machine does other work, too."""
_SHARE: Final = 0.25
"""Share of the time between the fastest arrival and `agent_timeout` after which an agent is late in any case."""


class Limiter:
    """Limit that follows how late agents come.

    It begins with the machine's cores, and each agent that comes in time raises it by one. An agent that comes late, or
    not at all, halves it. From then on it rises by one for as many agents in time as it counts.

    Args:
        cores: that this process may use.
        most: never more than this.
        agent_timeout: the suite's, in seconds.

    Attributes:
        limit: number of runs that may go on now; at least 1.
        lowest, highest: it was between these so far.
    """

    def __init__(self, *, cores: int, most: int, agent_timeout: float) -> None:
        self.most = most
        self.limit = self.lowest = self.highest = max(1, min(cores, most))
        self._agent_timeout = agent_timeout
        self._fastest: float | None = None
        self._was_late = False
        self._in_time = 0
        self._begun_before = 0
        """Agents still to come of runs that began before the last cut: their lateness is what it was made for."""

    def is_late(self, seconds: float) -> bool:
        """Return True if an agent that comes after so many seconds, or has not come yet, is late."""
        fastest = self._fastest or 0.0
        slow = max(_SLOWER * fastest, fastest + _ALWAYS_IN_TIME) if self._fastest is not None else self._agent_timeout
        return seconds > min(slow, fastest + _SHARE * max(self._agent_timeout - fastest, 0.0))

    def arrived(self, seconds: float) -> None:
        """Count an agent that came after so many seconds."""
        late = self.is_late(seconds)
        self._fastest = seconds if self._fastest is None else min(self._fastest, seconds)
        if late:
            self.missed()
            return
        self._begun_before = max(self._begun_before - 1, 0)
        self._in_time += 1
        if not self._was_late or self._in_time >= self.limit:
            self._set(self.limit + 1)

    def missed(self) -> None:
        """Count an agent that was late, or did not come."""
        if self._begun_before:
            self._begun_before -= 1
            return
        self._was_late = True
        self._begun_before = self.limit - 1
        self._set(self.limit // 2)

    def _set(self, limit: int) -> None:
        self.limit, self._in_time = max(1, min(limit, self.most)), 0
        self.lowest, self.highest = min(self.lowest, self.limit), max(self.highest, self.limit)
