"""Writes docs/verdicts.md from the table: ``python -m tests.verdicts``."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final

from tests.verdicts.table import ANSWERS, Answer

FILE: Final = Path(__file__).parents[2] / "docs" / "verdicts.md"

_HEAD: Final = """\
# Verdicts by answer

Made by `python -m tests.verdicts` from a table whose every row is tested. Not edited by hand.

- **Cekura answers**: a completed run with `success` true, unless the row says otherwise.
- **Comes to**: passed, failed, or the kind of an errored run.
- **Exit**: the exit code of `cekura-kit run` for this run alone.
- **Measured**: `measured` in the JSON report; empty if Cekura did not complete the run.
- **The report says**: part of the reason or of a note. **What to do**: part of the hint.
"""
_COLUMNS: Final = (
    "| Cekura answers | Comes to | Exit | Measured | The report says | What to do |\n|---|---|---|---|---|---|\n"
)


def document() -> str:
    """Return the whole document."""
    parts = (
        f"\n## {part}\n\n{_COLUMNS}" + "".join(map(_row, answers))
        for part, answers in groupby(ANSWERS, attrgetter("part"))
    )
    return _HEAD + "".join(parts)


def _row(answer: Answer) -> str:
    says = ", ".join(_quoted(text) for text in (answer.reason, answer.note) if text)
    measured = {True: "yes", False: "no", None: ""}[answer.measured]
    cells = [answer.what, answer.comes_to, str(answer.exit_code), measured, says, _quoted(answer.hint)]
    return f"| {' | '.join(cells)} |\n"


def _quoted(text: str) -> str:
    return f"“{text}”" if text else ""


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    print(f"{len(ANSWERS)} rows in {FILE}")
