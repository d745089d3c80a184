"""Scenarios of the stand-in: what its evaluator says, and what it wants to hear. A YAML file, scenario id to talk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, model_validator

from ...errors import ScenarioError
from ...yaml_files import Duration, load

PATIENCE: Final = 10.0
"""Seconds to wait for each ``hear``: a spoken turn over OpenAI takes 2 to 4, one with a tool call up to 8."""


def expression(pattern: str) -> str:
    """The pattern, where it is a regular expression. Raises ValueError, for pydantic."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


class Step(BaseModel):
    """One step of a talk: something to say, something to wait for, or first the one and then the other."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    say: Annotated[str, Field(min_length=1)] | None = None
    """What the evaluator says, word for word."""
    hear: Annotated[str, Field(min_length=1), AfterValidator(expression)] | None = None
    """A regular expression, without regard to case, searched in the agent's words since the evaluator last spoke."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.say is None and self.hear is None:
            raise ValueError("a step needs `say`, `hear` or both")
        return self

    def heard_in(self, words: str) -> bool:
        """Whether the agent's words hold what this step waits for."""
        return self.hear is None or re.search(self.hear, words, re.IGNORECASE) is not None


class Scenario(BaseModel):
    """One scenario: it passes when each ``hear`` of its talk was heard."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(min_length=1)]
    talk: Annotated[tuple[Step, ...], Field(min_length=1)]
    """The steps, in order."""
    outcome: str = ""
    """What is expected of the agent, in words; reported, never judged."""
    patience: Duration = PATIENCE
    """How long to wait for each ``hear``."""


class _Scenarios(RootModel[dict[int, Scenario]]):
    pass


def load_scenarios(path: Path) -> dict[int, Scenario]:
    """Read a scenario file.

    Returns:
        The scenarios by id.

    Raises:
        ScenarioError: it is missing, no YAML, or holds something else; with file and line.
    """
    scenarios = load(path, _Scenarios, error=ScenarioError).root
    if not scenarios:
        raise ScenarioError(f"{path}:1: no scenario stands in it", hint="write at least one: an id, a name, a talk")
    return scenarios
