"""The example of docs/comparing.md: of eight scenarios one got worse, one is flaky, one is fixed, one lost a run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from rich.console import Console

from cekura_agent_kit.report import markdown, terminal
from cekura_agent_kit.report.compare import compared
from cekura_agent_kit.verdict import Latency, SuiteVerdict
from tests.report.verdicts import FAILED, PASSED, run, suite

PAGE: Final = Path(__file__).parents[2] / "docs" / "comparing.md"
NAMES: Final = (
    *("Books a table", "Cancels a booking", "Asks for the menu", "Has an allergy"),
    *("Comes late", "Brings a dog", "Pays by card", "Speaks German"),
)
BEFORE: Final = (5, 5, 4, 5, 5, 0, 5, 5)
NOW: Final = (5, 1, 3, 5, 5, 5, 5, 4)
"""Passed runs of five, by scenario; the baseline is five such reports."""


def example() -> SuiteVerdict:
    """Return the report with its comparison."""
    return compared(_report(NOW, 0.7), [_report(BEFORE, 0.4) for _ in range(5)])


def terminal_lines() -> str:
    """Return what the terminal shows of the comparison."""
    console = Console(file=io.StringIO(), width=200)
    terminal.render(example(), console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    last = next(n for n, line in enumerate(lines) if line.startswith("Worse than"))
    first = next(n for n in range(last, 0, -1) if not lines[n - 1])
    return "\n".join(lines[first : last + 1])


def markdown_lines() -> str:
    """Return what the Markdown report shows of it, without its links."""
    text = markdown.render(example())
    lines = text[text.index("**Worse than") :].split("\n\n")
    return "\n\n".join(lines[:2])


def _report(passed: tuple[int, ...], reply: float) -> SuiteVerdict:
    return suite(
        *(
            run(
                n + 1,
                PASSED if n < count else FAILED,
                scenario=30 + place,
                scenario_name=name,
                url="",
                latency=Latency.of([reply]),
            )
            for place, (count, name) in enumerate(zip(passed, NAMES, strict=True))
            for n in range(5)
        )
    )
