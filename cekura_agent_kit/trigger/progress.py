"""What a suite tells while it goes on: the events passed to ``on_event``. Nothing in them is a secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..contract import Mode
from ..verdict import Line, RunVerdict, SuiteVerdict

StageName = Literal[
    "room", "agent_joined", "agent_ready", "started", "evaluator_joined", "first_reply", "ended", "verdict"
]
"""The fields of `verdict.Timeline`, in the order in which a run passes them."""


@dataclass(frozen=True)
class PlannedCase:
    """One run that will be made."""

    case: str
    scenario: int
    mode: Mode


@dataclass(frozen=True)
class Planned:
    """The plan is made; nothing has been started."""

    cases: tuple[PlannedCase, ...]


@dataclass(frozen=True)
class Stage:
    """A run reached a stage, ``at`` seconds from the suite's start."""

    case: str
    stage: StageName
    at: float


@dataclass(frozen=True)
class Said:
    """A line of a run's transcript, as soon as it is complete; only of runs that a witness watches."""

    case: str
    line: Line


@dataclass(frozen=True)
class Noted:
    """Something about a run, or with an empty case about the suite, that a person may want to know."""

    case: str
    text: str


@dataclass(frozen=True)
class Finished:
    """A run's verdict is known."""

    case: str
    verdict: RunVerdict


@dataclass(frozen=True)
class Ended:
    """The suite's verdict is known, and everything is cleaned up."""

    verdict: SuiteVerdict


Event = Planned | Stage | Said | Noted | Finished | Ended
OnEvent = Callable[[Event], None]
