"""Writes docs/faults.md from the table: ``python -m tests.faults``."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final

from tests.faults import ends
from tests.faults.breakdowns import BREAKDOWNS, Breakdown
from tests.faults.table import FAULTS, Fault

FILE: Final = Path(__file__).parents[2] / "docs" / "faults.md"

_HEAD: Final = """\
# What comes of faults

Made by `python -m tests.faults` from the table that the tests hold, row by row, over real HTTP, a real livekit-server
and a real worker. Not edited by hand.

- **Comes to**: passed and failed speak of the agent; any other word is the kind of an errored run.
- **Exit**: the exit code of `cekura-kit run`: 0 all passed, 1 some failed and none errored, 2 some errored.
- **Starts**: start requests that reached Cekura, and the runs that they started. A start is sent once: there are never
  more runs than were planned.
- **Rooms left**: none, in every row; each test asks the server. No row's output holds a key, a secret or a token.
"""
_COLUMNS: Final = (
    "| What happens | Comes to | Exit | Starts | Runs | The report says | What to do |\n|---|---|---|---|---|---|---|\n"
)
_BREAKDOWNS: Final = """
## What breaks under a conversation

Real processes: each row kills, stops or deletes the real thing while agent and evaluator converse. **Headline** is the
report's first sentence. A part of the report's text in “…” is in the reason of a run that did not pass, and in a note
of one that did.

| What breaks | Comes to | Exit | Headline | The report says | What to do |
|---|---|---|---|---|---|
"""


def document() -> str:
    """The whole document."""
    parts = (
        f"\n## {part}\n\n{_COLUMNS}" + "".join(map(_row, faults))
        for part, faults in groupby(FAULTS, attrgetter("part"))
    )
    return _HEAD + "".join(parts) + _BREAKDOWNS + "".join(map(_breakdown_row, BREAKDOWNS)) + ends.document()


def _row(fault: Fault) -> str:
    outcomes = ", ".join(dict.fromkeys([fault.outcomes[0]]) if len(set(fault.outcomes)) == 1 else fault.outcomes)
    runs = f"{fault.started} of {len(fault.outcomes)}"
    cells = [
        fault.what,
        outcomes,
        str(fault.exit_code),
        str(fault.posts),
        runs,
        ", ".join(_quoted(each) for each in (fault.headline, fault.reason) if each),
        _quoted(fault.hint),
    ]
    return f"| {' | '.join(cells)} |\n"


def _breakdown_row(breakdown: Breakdown) -> str:
    cells = [
        breakdown.what,
        ", ".join(breakdown.comes_to),
        str(breakdown.exit_code),
        breakdown.headline,
        ", ".join(map(_quoted, breakdown.says)),
        _quoted(breakdown.hint),
    ]
    return f"| {' | '.join(cells)} |\n"


def _quoted(text: str) -> str:
    return f"“{text}”" if text else ""


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    print(f"{len(FAULTS) + len(BREAKDOWNS)} rows in {FILE}")
