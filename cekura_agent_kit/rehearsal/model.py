"""The model that replaces the agent's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livekit.agents import llm

from ..errors import RehearsalError
from ..sandbox.models.rules import Rules, load_rules
from ..sandbox.models.rules_llm import RulesLLM
from ..worker.source import find_file

__tracebackhide__ = True


def load_model(given: object, folders: Sequence[Path]) -> llm.LLM[Any] | None:
    """Return the model of the option ``llm``; None leaves the agent its own.

    Args:
        given: an `LLM`, the path of a file of model rules of the sandbox, `Rules`, or None.
        folders: folders in which a relative path is searched.

    Raises:
        RehearsalError: it is something else.
        TargetError: there is no such file.
        ScenarioError: the file is not one of model rules.
    """
    if given is None or isinstance(given, llm.LLM):
        return given
    if isinstance(given, str | Path):
        given = load_rules(find_file(given, folders))
    if isinstance(given, Rules):
        return RulesLLM(given)
    raise RehearsalError(f"llm={given!r} is not a model", hint="give an LLM, or the path of a file of model rules")


def unused_rules(model: llm.LLM[Any] | None) -> list[str]:
    """Return a note on the rules that have answered nothing; none for another kind of model."""
    if not isinstance(model, RulesLLM) or not model.unused:
        return []
    return [f"model rules that answered nothing in this call: {model.rules.named(model.unused)}"]
