"""Scenarios of the stand-in: what its evaluator says and waits for, and what Cekura stores of them. A YAML file.

The caller is scripted (``talk``), or played by a model (``caller``).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, Strict, model_validator
from pydantic.config import JsonDict

from ...errors import ScenarioError
from ...file_names import is_for_livekit
from ...trigger.plan.livekit_scenarios import read_livekit
from ...trigger.plan.scenario_tools import ScenarioTools
from ...yaml_files import WHOLE, Duration, Integer, load
from .played_caller import Caller
from .steps import Step
from .verdict_parts import VerdictParts

PATIENCE: Final = 10.0
"""Default seconds to wait for what a step expects: a spoken turn over OpenAI takes 2 to 4, with a tool call up to 8."""
AGENT: Final = 812
"""Default id of the agent that a scenario belongs to."""
END_CALL: Final = "TOOL_END_CALL"
"""Tool with which Cekura's evaluator hangs up."""

_PLAYED: Final[JsonDict] = {"required": ["caller"], "properties": {"caller": {"type": "object"}}}


_Statement = Annotated[str, Field(pattern=r"\S")]


def _statements(value: object) -> object:
    """Return the statements of an outcome, which may be one text; of an empty text, none."""
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    if isinstance(value, list) and not value:
        raise ValueError("has no statement; write at least one, or leave the key out")
    return tuple(value) if isinstance(value, list) else value


Outcome = Annotated[
    tuple[_Statement, ...] | None,
    BeforeValidator(_statements, json_schema_input_type=str | Annotated[list[_Statement], Field(min_length=1)] | None),
]
"""Statements of an expected outcome: a text is one of them; ``()`` is none."""


class Origin(BaseModel):
    """Source of a scenario that was pulled from Cekura."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    cekura: Annotated[int, Strict(), Field(gt=0), WHOLE]
    """Its id on Cekura."""
    updated_at: str = ""
    """Time at which Cekura last updated it, before it was pulled."""
    pulled: str = ""
    """Hash of what was pulled: another one is an edit in this file."""


class Scenario(BaseModel):
    """One scenario, with either ``talk`` or ``caller``.

    With ``talk`` it passes when each expectation of its steps holds; with ``caller`` when a model judges each statement
    of ``outcome`` as met. ``verdict`` may say otherwise.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={
            "oneOf": [{"required": ["talk"]}, _PLAYED],
            "if": _PLAYED,
            "then": {
                "required": ["outcome"],
                "properties": {"outcome": {"type": ["string", "array"], "pattern": r"\S"}},
            },
        },
    )

    name: Annotated[str, Field(min_length=1)]
    talk: Annotated[tuple[Step, ...], Field(min_length=1)] = ()
    """The steps of the conversation, in order."""
    caller: Caller | None = None
    """The caller, played by a model in the place of ``talk``."""
    outcome: Outcome = None
    """The expected outcome: a statement, or a list of them. Default: that each ``hear`` is heard. ``""``: none. With
    ``caller`` it is required."""
    patience: Duration = PATIENCE
    """Time to wait for what a step expects."""
    verdict: VerdictParts = VerdictParts()
    """Parts of the verdict."""
    agent: Annotated[int, Strict(), Field(gt=0), WHOLE] = AGENT
    """Cekura's id of the agent that the scenario belongs to."""
    tags: tuple[str, ...] = ()
    folder: str = ""
    """Folder on Cekura, levels separated by dots: ``Booking.Happy path``."""
    tools: ScenarioTools = {}
    """Behaviour of the agent's tools in this scenario, as in a suite, over the suite's own."""
    evaluator_tools: tuple[str, ...] = (END_CALL,)
    """Tools of Cekura's evaluator. Without ``TOOL_END_CALL`` it cannot hang up."""
    profile: dict[str, Any] | None = None
    """Information of the test profile: ``main_agent_variables`` and ``testing_agent_variables``, or flat."""
    max_duration: Integer | None = None
    """Longest duration of a call, as Cekura stores it."""
    userdata: dict[str, Any] | None = None
    """Data that the agent finds by ``ctx.simulation_context().userdata()``, as in LiveKit's simulator."""
    scenario_type: Literal["instruction", "real_world_smart", "real_world_fixed", "conditional_actions"] = "instruction"
    """Type on Cekura."""
    origin: Origin | None = None
    """Source of the scenario, as `cekura-kit pull` wrote it. Changes nothing."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.talk) == (self.caller is not None):
            raise ValueError(
                "has both `talk` and `caller`; write one of them"
                if self.talk
                else "needs `talk`, the caller's script, or `caller`, which a model plays"
            )
        if self.caller is not None and not self.outcome:
            raise ValueError("`caller` needs `outcome`: what must be true after the call, one statement or a list")
        return self

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements of the expected outcome."""
        if self.outcome is not None:
            return self.outcome
        heard = [step.hear for step in self.talk if step.hear]
        return (f"The agent says: {', then '.join(heard)}." if heard else "The call is completed.",)

    @property
    def expected_outcome(self) -> str:
        """The expected outcome in words; empty for none."""
        return " ".join(self.statements)


_ID: Final = r"^[1-9][0-9]{0,17}$"


def _scenario_id(key: object) -> object:
    if not isinstance(key, str):
        return key
    if not re.fullmatch(_ID, key):
        raise ValueError(f"{key[:60]!r} is not the id of a scenario: write a number")
    return int(key)


Scenarios = Annotated[
    dict[Annotated[int, BeforeValidator(_scenario_id)], Scenario],
    Field(min_length=1, json_schema_extra={"propertyNames": {"pattern": _ID}}),
]


class _Scenarios(RootModel[Scenarios]):
    pass


def load_scenarios(path: Path) -> dict[int, Scenario]:
    """Read a scenario file, also one of LiveKit's simulator.

    Returns:
        The scenarios by id.

    Raises:
        ScenarioError: the file is missing, is not YAML, or does not fit; with file and line.
    """
    if is_for_livekit(path):
        return _of_livekit(path)
    return load(path, _Scenarios, error=ScenarioError).root


def _of_livekit(path: Path) -> dict[int, Scenario]:
    group, found = read_livekit(path)
    return {
        number: Scenario(
            name=each.label,
            caller=Caller(goal=each.instructions),
            outcome=(each.agent_expectations.strip(),),
            tags=each.tag_names,
            folder=group,
            userdata=each.userdata,
        )
        for number, each in found.items()
    }
