"""docs/faults.md is the table that the tests hold."""

from __future__ import annotations

from collections import Counter

from cekura_agent_kit.verdict import Kind
from tests.faults.__main__ import FILE, document
from tests.faults.breakdowns import BREAKDOWNS
from tests.faults.table import FAULTS


def test_the_document_is_made_from_the_table() -> None:
    assert FILE.read_text(encoding="utf-8") == document(), "run: python -m tests.faults"


def test_each_row_has_a_name_of_its_own() -> None:
    names = Counter([fault.name for fault in FAULTS] + [breakdown.name for breakdown in BREAKDOWNS])
    assert [name for name, count in names.items() if count > 1] == []


def test_no_row_starts_more_than_was_planned() -> None:
    assert all(fault.started <= len(fault.outcomes) for fault in FAULTS)


def test_each_kind_of_errored_is_made_to_happen() -> None:
    # Tested elsewhere: a stop, merged reports, and a fault of the kit itself.
    elsewhere = {Kind.CANCELLED, Kind.SHARD_MISSING, Kind.INTERNAL}
    # Read in reports of earlier versions, or for runs with doubles of tools; not written.
    elsewhere |= {Kind.API_UNREACHABLE, Kind.NOT_SIGNED}
    made = {outcome for fault in FAULTS for outcome in fault.outcomes}
    made |= {outcome for breakdown in BREAKDOWNS for outcome in breakdown.comes_to}
    assert set(Kind) - made - elsewhere == set()
