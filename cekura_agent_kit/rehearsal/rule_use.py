"""Model rules that answered nothing in a whole session of pytest, for its summary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livekit.agents import llm

from ..sandbox.models.rules_llm import RulesLLM

Unused = dict[str, dict[int, str]]
"""By the rules' file: the numbers of the rules, each with its description."""


class RuleUse:
    """The files of model rules that the rehearsals of a pytest process used."""

    def __init__(self) -> None:
        self._models: list[tuple[str, RulesLLM]] = []

    def add(self, given: object, model: llm.LLM[Any] | None) -> None:
        """Add the model of a rehearsal, if the test named a file of rules."""
        if isinstance(given, str | Path) and isinstance(model, RulesLLM):
            self._models.append((str(given), model))

    def unused(self) -> Unused:
        """Return the rules of each file that answered in no rehearsal."""
        found: Unused = {}
        for file, model in self._models:
            mine = {number: model.rules.named([number]) for number in model.unused}
            found[file] = _in_both(found[file], mine) if file in found else mine
        return found


def merge(into: Unused, more: Mapping[str, Mapping[int, str]]) -> None:
    """Add what another process of the same session found: a rule is unused if it is in each that used its file."""
    for file, rules in more.items():
        into[file] = _in_both(into[file], rules) if file in into else dict(rules)


def lines(unused: Unused) -> list[str]:
    """Return a line for each file with such rules."""
    return [
        f"{file}: model rules that answered nothing in this session: {', '.join(rules[each] for each in sorted(rules))}"
        for file, rules in sorted(unused.items())
        if rules
    ]


def _in_both(one: Mapping[int, str], other: Mapping[int, str]) -> dict[int, str]:
    return {number: text for number, text in one.items() if number in other}
