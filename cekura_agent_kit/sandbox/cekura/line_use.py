"""Lines of scenarios that matched nothing in all runs of them, for notes at the end. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .scenarios import Scenario


@dataclass
class LineUse:
    """Lines of a scenario that one conversation used.

    Attributes:
        reached: the number of the last step that was begun, from 1.
        matched: by step: the patterns that were heard.
    """

    reached: int = 0
    matched: set[tuple[int, str]] = field(default_factory=set)


def unused_lines(scenario: Scenario, uses: Iterable[LineUse]) -> dict[int, str]:
    """Return what no conversation used: steps that none reached, alternatives of ``hear_any`` that none heard.

    Returns:
        By a number that stands for the line: its description.
    """
    uses = list(uses)
    reached = max((use.reached for use in uses), default=0)
    matched = {each for use in uses for each in use.matched}
    found: dict[int, str] = {}
    for number, step in enumerate(scenario.talk, start=1):
        if number > reached:
            found[number * 1000] = f"step {number} (never reached)"
            continue
        for place, pattern in enumerate(step.hear_any or (), start=1):
            if (number, pattern) not in matched:
                found[number * 1000 + place] = f"step {number}, hear_any {pattern!r}"
    return found
