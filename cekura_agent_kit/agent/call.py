"""`Call`: what an agent may know of the test in which it runs. `current_call` returns it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..contract import ROOM_KEY, TEST_PROFILE_KEY, Mode, parse_object
from .admission import Admitted
from .data_messages import Handler, Mailbox
from .options import UNDER_TEST


@dataclass(frozen=True, kw_only=True)
class Call:
    """The test in which this job runs.

    Attributes:
        signed: the trigger has proven that it made this test. Whoever shapes a participant's token can write metadata,
            so where this is False the caller may be a real one: do all that you would do in a real call.
        mode: text if the evaluator writes, voice if it speaks.
        scenario_id: id of Cekura's scenario; None if the metadata names none.
        run_id: id of Cekura's run, in jobs that Cekura dispatched; None in others.
        test_profile_data: the agent's part of the scenario's test profile, where the suite asks for it, and in jobs
            that Cekura dispatched; None in others.
        room_metadata: the room's metadata when the job began, if it is an object, without the kit's own key: the
            suite's `room_metadata`, or the agent's configuration on Cekura. A participant's token can set it.
        suite: name of the suite; empty in jobs that the kit did not dispatch.
        case: ``SCENARIO#N``; empty in jobs that the kit did not dispatch.
        entry: name of the entry of the suite; empty in tests that are not signed, and in a rehearsal.
        seed: for what is random in a test; None in tests that are not signed.
        metadata: the job's metadata as it was dispatched, your own keys included.
    """

    mode: Mode
    signed: bool = False
    scenario_id: int | None = None
    run_id: int | None = None
    test_profile_data: Any = None
    room_metadata: Mapping[str, Any] = field(default_factory=dict)
    suite: str = ""
    case: str = ""
    entry: str = ""
    seed: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _mailbox: Mailbox | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, test: Admitted, mailbox: Mailbox | None = None, *, room_metadata: str = "") -> Call:
        """Make the call of a test, in a room with this metadata."""
        metadata, permit = test.metadata, test.permit
        of_room = parse_object(room_metadata) or {}
        return cls(
            mode=metadata.mode,
            signed=permit is not None,
            scenario_id=metadata.scenario,
            run_id=metadata.own.get("run_id"),
            test_profile_data=metadata.own.get(TEST_PROFILE_KEY),
            room_metadata={key: value for key, value in of_room.items() if key != ROOM_KEY},
            suite=metadata.suite,
            case=metadata.case,
            entry=permit.entry if permit else "",
            seed=permit.seed if permit else None,
            metadata=metadata.whole,
            _mailbox=mailbox,
        )

    def on_data_message(self, handler: Handler) -> None:
        """Receive the payloads of ``publish_data_message``, in text tests.

        Args:
            handler: called, or awaited, with one `DataMessage` after the other (``payload``: parsed JSON, ``topic``,
                ``sender``), first with those that came before there was a handler.
        """
        if self._mailbox is not None:
            self._mailbox.set_handler(handler)


def current_call() -> Call | None:
    """Return the test in which this code runs; None in a real call and outside of a job.

    Ask it where a tool would do what must not be done in a test: book, pay, send. Only a test that is `signed` is
    proven to be one::

        call = current_call()
        if call is None or not call.signed:
            await charge(card)
    """
    agents = sys.modules.get("livekit.agents")
    if agents is None:
        return None
    context = agents.get_job_context(required=False)
    job = context.__dict__.get(UNDER_TEST) if context is not None else None
    return job.call if job is not None else None
