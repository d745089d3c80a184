"""A suite's clock, and the intervals and limits by which the trigger polls, waits and stops waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from .settings.settings import Settings


@dataclass(frozen=True)
class Clock:
    """Seconds since a suite's start. Every time in events, verdicts and reports is read from it.

    Args:
        started_at: Unix time of the suite's start, in seconds.
        elapsed: returns the seconds since then; by default from the monotonic clock.
    """

    started_at: float = field(default_factory=time.time)
    elapsed: Callable[[], float] = field(default_factory=lambda: _since(time.monotonic()))

    def __call__(self) -> float:
        """Return the seconds since the suite's start."""
        return self.elapsed()

    def of_unix(self, unix: float) -> float:
        """Return the time on this clock of a Unix time, in seconds; both of clocks that may differ."""
        return unix - self.started_at


def _since(start: float) -> Callable[[], float]:
    return lambda: time.monotonic() - start


_PROJECT_REQUESTS: Final = 15.0
"""Requests a second that all shards of a suite send together."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Intervals and limits, in seconds unless a name says otherwise.

    The defaults are for hosted services. Against a sandbox on this machine (`of`) the trigger polls faster: nobody
    else shares the servers, and an answer takes a millisecond.
    """

    livekit_requests: float = 10.0
    """Requests a second to LiveKit for the whole command; LiveKit Cloud allows about 1,000 a minute a project."""
    list_fast: float = 0.25
    """Between two lists of a room's participants while its agent, or its evaluator, is expected."""
    list_slow: float = 2.0
    """The same during the conversation, unless so many rooms are watched that all other requests would wait."""
    list_rarest: float = 10.0
    """The same during the conversation, however many rooms are watched."""
    read_fastest: float = 2.0
    """Shortest interval between two reads of all active runs; Cekura's own clients poll every 3 to 30 s."""
    read_slowest: float = 10.0
    """Longest interval between two reads of all active runs."""
    group: float = 5.0
    """From the first ready run of a POST until the POST is sent without those that are not ready."""
    no_job: float = 6.0
    """Without a job for so long, no worker accepted the dispatch; jobs were listed 0.2 to 5 s late."""
    proof: float = 3.0
    """From `cekura.mode` to `cekura.proof`: an agent that waits for a participant first has none until then."""
    attributes: float = 1.0
    """For the wrapper's attributes, listed 40 to 50 ms after ACTIVE; an agent that is not wrapped has none."""
    evaluator_gone: float = 3.0
    """An evaluator that is not listed for so long has left."""
    gone_after_outage: float = 20.0
    """The same after LiveKit did not answer: participants were seen to need up to 15 s to reconnect."""
    agent_ends: float = 10.0
    """From the evaluator's leave, for an agent that ends its own job: its ``on_session_end`` may still make checks."""
    agent_gone: float = 15.0
    """From the agent's leave until the trigger ends the run, unless Cekura ends it first."""
    lost_start: float = 60.0
    """After a start whose answer was lost: for evaluators to join and runs to be listed."""
    no_verdict: float = 120.0
    """For the verdict of a run that Cekura reports as completed, with ``success`` null."""
    after_end: float = 30.0
    """For Cekura's verdict on a run that the trigger ended."""

    @classmethod
    def of(cls, settings: Settings, *, shards: int = 1) -> Self:
        """Return shorter intervals where LiveKit, and Cekura, run on this machine.

        Args:
            settings: the services.
            shards: commands that run parts of the suite at the same time. The project's limit is for all of them.
        """
        values: dict[str, float] = {"livekit_requests": min(cls.livekit_requests, _PROJECT_REQUESTS / shards)}
        if settings.local_livekit:
            values |= {"livekit_requests": 200.0, "list_fast": 0.1, "list_slow": 0.5}
        if settings.local_cekura:
            values |= {"read_fastest": 0.25, "read_slowest": 0.5, "group": 1.0, "lost_start": 10.0}
            values |= {"no_verdict": 15.0, "after_end": 5.0}
        return cls(**values)
