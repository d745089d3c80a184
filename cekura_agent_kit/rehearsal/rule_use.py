"""Model rules and lines of scenarios that matched nothing in a whole session of pytest, for its summary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..sandbox.cekura.line_use import LineUse, unused_lines
from ..sandbox.cekura.scenarios import Scenario
from ..sandbox.models.rules_llm import RulesLLM

Unused = dict[str, dict[int, str]]
"""By a file and its part: numbers of rules or lines, each with its description."""


class RuleUse:
    """The files of model rules, and the scenarios, that the rehearsals of a pytest process used."""

    def __init__(self) -> None:
        self._models: list[tuple[str, RulesLLM]] = []
        self._scenarios: dict[str, tuple[Scenario, list[LineUse]]] = {}

    def add(self, given: object, model: object) -> None:
        """Add the model of a rehearsal, if the test named a file of rules."""
        if isinstance(given, str | Path) and isinstance(model, RulesLLM):
            self._models.append((str(given), model))

    def add_scenario(self, file: object, number: int, scenario: Scenario, use: LineUse) -> None:
        """Add a scenario that was run."""
        part = f"{file}: lines of scenario {number} that matched nothing in this session"
        self._scenarios.setdefault(part, (scenario, []))[1].append(use)

    def unused(self) -> Unused:
        """Return the rules that answered, and the lines that matched, in no rehearsal."""
        found: Unused = {}
        for file, model in self._models:
            mine = {number: model.rules.named([number]) for number in model.unused}
            part = f"{file}: model rules that answered nothing in this session"
            found[part] = _in_both(found[part], mine) if part in found else mine
        return found | {part: unused_lines(scenario, uses) for part, (scenario, uses) in self._scenarios.items()}


def merge(into: Unused, more: Mapping[str, Mapping[int, str]]) -> None:
    """Add what another process of the same session found: unused is what all that used the part left unused."""
    for part, found in more.items():
        into[part] = _in_both(into[part], found) if part in into else dict(found)


def lines(unused: Unused) -> list[str]:
    """Return a line for each part with something unused."""
    return [
        f"{part}: {', '.join(found[each] for each in sorted(found))}" for part, found in sorted(unused.items()) if found
    ]


def _in_both(one: Mapping[int, str], other: Mapping[int, str]) -> dict[int, str]:
    return {number: text for number, text in one.items() if number in other}
