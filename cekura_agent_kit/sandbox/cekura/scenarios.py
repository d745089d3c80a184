"""Scenarios of the stand-in: what its evaluator says and waits for, and what Cekura stores of them. A YAML file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, model_validator

from ...errors import ScenarioError
from ...yaml_files import Duration, load, regular_expression
from .verdict_parts import VerdictParts

PATIENCE: Final = 10.0
"""Default seconds to wait for each ``hear``: a spoken turn over OpenAI takes 2 to 4, one with a tool call up to 8."""
AGENT: Final = 812
"""Default id of the agent that a scenario belongs to."""
END_CALL: Final = "TOOL_END_CALL"
"""Tool with which Cekura's evaluator hangs up."""


class Step(BaseModel):
    """One step of the conversation: words to say, words to wait for, or first the one and then the other."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    say: Annotated[str, Field(min_length=1)] | None = None
    """Words that the evaluator says."""
    hear: Annotated[str, Field(min_length=1), AfterValidator(regular_expression)] | None = None
    """A regular expression, case ignored, searched in the agent's words since the evaluator last spoke."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.say is None and self.hear is None:
            raise ValueError("a step needs `say`, `hear` or both")
        return self

    def matches(self, words: str) -> bool:
        """Return true if the agent's words have what this step waits for."""
        return self.hear is None or re.search(self.hear, words, re.IGNORECASE) is not None


class Scenario(BaseModel):
    """One scenario. It passes when the evaluator has heard each ``hear``, unless ``verdict`` says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(min_length=1)]
    talk: Annotated[tuple[Step, ...], Field(min_length=1)]
    """The steps of the conversation, in order."""
    outcome: str | None = None
    """The expected outcome, in words. Default: that each ``hear`` is heard. ``""``: none."""
    patience: Duration = PATIENCE
    """Time to wait for each ``hear``."""
    verdict: VerdictParts = VerdictParts()
    """Parts of the verdict."""
    agent: Annotated[int, Field(gt=0)] = AGENT
    """Cekura's id of the agent that the scenario belongs to."""
    tags: tuple[str, ...] = ()
    folder: str = ""
    """Folder on Cekura, levels separated by dots: ``Booking.Happy path``."""
    tools: tuple[str, ...] = (END_CALL,)
    """Tools of Cekura's evaluator. Without ``TOOL_END_CALL`` it cannot hang up."""
    profile: dict[str, Any] | None = None
    """Information of the test profile: ``main_agent_variables`` and ``testing_agent_variables``, or flat."""
    max_duration: int | None = None
    """Longest duration of a call, as Cekura stores it."""

    @property
    def expected_outcome(self) -> str:
        """The expected outcome in words; empty for none."""
        if self.outcome is not None:
            return self.outcome
        heard = [step.hear for step in self.talk if step.hear]
        return f"The agent says: {', then '.join(heard)}." if heard else "The call is completed."


class _Scenarios(RootModel[dict[int, Scenario]]):
    pass


def load_scenarios(path: Path) -> dict[int, Scenario]:
    """Read a scenario file.

    Returns:
        The scenarios by id.

    Raises:
        ScenarioError: the file is missing, is not YAML, or does not fit; with file and line.
    """
    scenarios = load(path, _Scenarios, error=ScenarioError).root
    if not scenarios:
        raise ScenarioError(f"{path}:1: the file has no scenario", hint="write at least one: an id, a name, a talk")
    return scenarios
