"""The table of breakdowns: what breaks under a conversation by real processes, and what it must come to."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from cekura_agent_kit.verdict import Kind, SuiteVerdict
from tests.faults import breaking
from tests.faults.breaking import Ground
from tests.faults.table import FAILED, PASSED

BOTH: Final = "Cekura judged the run as failed: "
"""In the reason of an errored run: the second fact."""


@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """One row.

    Attributes:
        what: what breaks, in words.
        breaks: breaks it in a suite, and returns the suite's verdict.
        comes_to: passed, failed, or the kind of errored, of each run of the suite.
        headline: of the report, in full.
        says: parts of the reason of each run that did not pass, and of a note of each run that did.
        hint: part of the hint of each errored run.
    """

    what: str
    breaks: Callable[[Ground], Awaitable[SuiteVerdict]]
    comes_to: tuple[str, ...]
    headline: str
    says: tuple[str, ...]
    hint: str = ""

    def __post_init__(self) -> None:
        assert self.says, f"{self.what}: no text to look for"
        assert self.hint or not set(self.comes_to) - {PASSED, FAILED}, f"{self.what}: no hint to look for"

    @property
    def name(self) -> str:
        """For pytest's command line."""
        return re.sub(r"\W+", "-", self.what.lower()).strip("-")

    @property
    def exit_code(self) -> int:
        """By law: 2 where a run errored, else 1 where one failed, else 0."""
        return 2 if set(self.comes_to) - {PASSED, FAILED} else 1 if FAILED in self.comes_to else 0


BREAKDOWNS: Final[tuple[Breakdown, ...]] = (
    Breakdown(
        what="the suite's worker is killed (SIGKILL), and Cekura judges a fail",
        breaks=breaking.worker_killed,
        comes_to=(Kind.WORKER_FAILED,),
        headline="The test broke in 1 of 1 run: the worker failed.",
        says=("the suite's worker ended with SIGKILL during the conversation", BOTH),
        hint="read the worker's log",
    ),
    Breakdown(
        what="a job process of the suite's worker is killed (SIGKILL) in a tool, and Cekura judges a fail",
        breaks=breaking.job_killed_in_a_tool,
        comes_to=(FAILED,),
        headline="The agent failed 1 of 1 run.",
        says=("the agent's job process died (SIGKILL)",),
    ),
    Breakdown(
        what="livekit-server is killed and started again; Cekura passes one run, and fails another",
        breaks=breaking.server_restarted,
        comes_to=(PASSED, Kind.LIVEKIT_UNREACHABLE),
        headline="The test broke in 1 of 2 runs: LiveKit failed or could not be reached.",
        says=("the LiveKit server was down or restarted during the conversation",),
        hint="LiveKit may be down",
    ),
    Breakdown(
        what=f"livekit-server is frozen for {breaking.FROZEN:g} s; Cekura passes one run, and fails another",
        breaks=breaking.server_frozen,
        comes_to=(PASSED, Kind.LIVEKIT_UNREACHABLE),
        headline="The test broke in 1 of 2 runs: LiveKit failed or could not be reached.",
        says=("the LiveKit server did not answer for ",),
        hint="LiveKit may be down",
    ),
    Breakdown(
        what="the room is deleted by somebody else",
        breaks=breaking.room_deleted,
        comes_to=(Kind.LIVEKIT_UNREACHABLE,),
        headline="The test broke in 1 of 1 run: LiveKit failed or could not be reached.",
        says=("the room was deleted during the conversation, by neither the agent nor cekura-kit", BOTH),
        hint="find out who deletes rooms of this LiveKit project",
    ),
    Breakdown(
        what="the agent deletes the room, to hang up",
        breaks=breaking.agent_hangs_up,
        comes_to=(FAILED,),
        headline="The agent failed 1 of 1 run.",
        says=("The conversation ended early",),
    ),
    Breakdown(
        what="an agent on a realtime model, in the sandbox",
        breaks=breaking.realtime_model_in_the_sandbox,
        comes_to=(Kind.SANDBOX_FAILED,),
        headline="The test broke in 1 of 1 run: the sandbox failed.",
        says=("the sandbox has no stand-in for OpenAI's realtime API", "(model gpt-realtime)"),
        hint="test this agent with the hosted one",
    ),
)
