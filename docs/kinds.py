"""The page of kinds, made from what `cekura-kit explain` prints: ``python docs/kinds.py docs/kinds.md``."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from cekura_agent_kit.report.explanations import explanation_of, words


def page() -> str:
    """Return the whole page."""
    parts = [
        "<!-- Made by `python docs/kinds.py docs/kinds.md`; a test compares them. -->",
        "# Kinds of error, and outcomes",
        "`cekura-kit explain KIND` prints a part of this page, offline. An errored run has a kind; its hint in the "
        "report is usually more exact than the steps here.",
        *(part for word in words() for part in _section(word)),
    ]
    return "\n\n".join(map(_filled, parts)) + "\n"


def _section(word: str) -> Iterator[str]:
    found = explanation_of(word)
    assert found is not None, "every word has an explanation"
    yield f"## {word}"
    yield f"{found.meaning[0].upper()}{found.meaning[1:]}."
    yield "\n".join((f"- **At fault**: {found.fault}.", f"- **Billed**: {found.billed}."))
    yield "\n".join(f"{number}. {step}" for number, step in enumerate(found.steps, start=1))
    if found.pages:
        yield "Read on: " + ", ".join(f"[{each}]({each})" for each in found.pages)


def _filled(part: str) -> str:
    lines = (textwrap.fill(line, 120, subsequent_indent="   " * line[0].isdigit()) for line in part.splitlines())
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
