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
    # A worker's failure, a stop and a fault of the kit's own are held elsewhere; a timeout needs a scoring without end.
    elsewhere = {Kind.WORKER_FAILED, Kind.CANCELLED, Kind.INTERNAL}
    assert set(Kind) - {outcome for fault in FAULTS for outcome in fault.outcomes} - elsewhere == set()
