"""The test that a job is: its options, what the agent may know of it, and the mark by which it is found."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..contract import KIT_KEY, Mode, parse_metadata

if TYPE_CHECKING:
    from .data_messages import DataMessage, Mailbox

UNDER_TEST: Final = "_cekura_agent_kit"
"""Where a job context and its sessions carry what a test knows of them; a job that is no test carries nothing."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `wrap_entrypoint` was told; the meaning of each stands there."""

    user_turn: bool = True
    voice_instructions: bool = True
    never_away: bool = True
    tracing: bool = False


@dataclass(frozen=True, kw_only=True)
class Call:
    """The test that this job is.

    Attributes:
        mode: whether the evaluator writes or speaks.
        scenario_id: Cekura's scenario; None where the metadata names none.
        run_id: Cekura's run, in jobs that Cekura dispatched; in others it is not known in the job.
        test_profile_data: of the scenario's test profile, in jobs that Cekura dispatched.
        suite: the suite's name; empty in jobs that the kit did not dispatch.
        case: ``SCENARIO#N``; empty in jobs that the kit did not dispatch.
        metadata: the job's metadata as it was dispatched, your own keys included.
    """

    mode: Mode
    scenario_id: int | None = None
    run_id: int | None = None
    test_profile_data: Any = None
    suite: str = ""
    case: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _mailbox: Mailbox | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_metadata(cls, mode: Mode, metadata: str, mailbox: Mailbox | None = None) -> Call:
        """What the job's metadata tells of the test."""
        said = parse_metadata(metadata) or {}
        ours = said.get(KIT_KEY, {})
        return cls(
            mode=mode,
            scenario_id=ours.get("scenario", said.get("scenario_id")),
            run_id=said.get("run_id"),
            test_profile_data=said.get("test_profile_data"),
            suite=str(ours.get("suite", "")),
            case=str(ours.get("case", "")),
            metadata=said,
            _mailbox=mailbox,
        )

    def on_data_message(self, handler: Callable[[DataMessage], Awaitable[None] | None]) -> None:
        """Have the payloads of ``publish_data_message``, in text tests.

        Args:
            handler: called, or awaited, with each `DataMessage` (``payload``: parsed JSON, ``topic``, ``sender``), one
                after the other; those that came before there was a handler come first.
        """
        if self._mailbox is not None:
            self._mailbox.open(handler)


def current_call() -> Call | None:
    """The test that is running; None in production and outside of a job.

    Ask it where a tool would do what must not be done in a test: book, pay, send.
    """
    agents = sys.modules.get("livekit.agents")
    if agents is None:
        return None
    context = agents.get_job_context(required=False)
    job = context.__dict__.get(UNDER_TEST) if context is not None else None
    return job.call if job is not None else None
