"""docs/faults.md is the table that the tests hold."""

from __future__ import annotations

from collections import Counter

from cekura_agent_kit.verdict import Kind
from tests.faults.__main__ import FILE, document
from tests.faults.table import FAULTS


def test_the_document_is_made_from_the_table() -> None:
    assert FILE.read_text(encoding="utf-8") == document(), "run: python -m tests.faults"


def test_each_row_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(fault.name for fault in FAULTS).items() if count > 1] == []


def test_no_row_starts_more_than_was_planned() -> None:
    assert all(fault.started <= len(fault.outcomes) for fault in FAULTS)


def test_each_kind_of_errored_is_made_to_happen() -> None:
    # Tested elsewhere: what breaks the worker or the sandbox, a stop, merged reports, and a fault of the kit itself.
    elsewhere = {Kind.WORKER_FAILED, Kind.SANDBOX_FAILED, Kind.CANCELLED, Kind.SHARD_MISSING, Kind.INTERNAL}
    # Read in reports of earlier versions, or for runs with doubles of tools; not written.
    elsewhere |= {Kind.API_UNREACHABLE, Kind.NOT_SIGNED}
    assert set(Kind) - {outcome for fault in FAULTS for outcome in fault.outcomes} - elsewhere == set()
