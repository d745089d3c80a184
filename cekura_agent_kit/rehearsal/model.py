"""What speaks in the place of the agent's own model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livekit.agents import llm

from ..errors import RehearsalError
from ..sandbox.models.rules import Rules, load_rules
from ..sandbox.models.rules_llm import RulesLLM
from ..worker.module import find_file

__tracebackhide__ = True


def model_of(asked: object, folders: Sequence[Path]) -> llm.LLM[Any] | None:
    """The model that was asked for; None leaves the agent its own.

    Args:
        asked: an `LLM`, or the sandbox's model rules: the path of a file of them, or `Rules`.
        folders: where a relative path is looked for.

    Raises:
        RehearsalError: it is something else, or there is no such file.
        ScenarioError: the file holds something else than rules.
    """
    if asked is None or isinstance(asked, llm.LLM):
        return asked
    if isinstance(asked, str | Path):
        asked = load_rules(find_file(asked, folders))
    if isinstance(asked, Rules):
        return RulesLLM(asked)
    raise RehearsalError(f"llm={asked!r} is no model", hint="give an LLM, or the path of a file of model rules")
