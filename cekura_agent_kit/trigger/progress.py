"""Events of a suite that is being run, passed to ``on_event``. They contain no secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..contract import Mode
from ..verdict import Line, Result, RunVerdict, SuiteVerdict

StageName = Literal[
    "room", "agent_joined", "agent_ready", "started", "evaluator_joined", "first_reply", "ended", "verdict"
]
"""Fields of `verdict.Timeline`, in the order in which a run reaches them."""


@dataclass(frozen=True)
class PlannedCase:
    """A run of the plan."""

    case: str
    scenario: int
    mode: Mode


@dataclass(frozen=True)
class Planned:
    """The plan is known; nothing has been started."""

    cases: tuple[PlannedCase, ...]


@dataclass(frozen=True)
class Preparing:
    """Something begins that all runs wait for, such as the start of the worker."""

    text: str


@dataclass(frozen=True)
class Started:
    """Cekura accepted a start: its result is known, with which a report can be made if this command is lost."""

    result: Result


@dataclass(frozen=True)
class Stage:
    """A run reached a stage, ``at`` seconds from the suite's start."""

    case: str
    stage: StageName
    at: float


@dataclass(frozen=True)
class Said:
    """A line of a run's transcript is complete. Only of runs with a witness."""

    case: str
    line: Line


@dataclass(frozen=True)
class Noted:
    """An observation about a run, or about the suite if the case is empty."""

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


Event = Planned | Preparing | Started | Stage | Said | Noted | Finished | Ended
OnEvent = Callable[[Event], None]
