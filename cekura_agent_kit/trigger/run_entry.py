"""An entry of a suite file's ``runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..contract import Mode
from ..errors import SuiteError
from ..yaml_files import Duration, problems
from .suite_values import Metadata, Rate, Repeat, ScenarioId, Tools, Unscored


class SuiteModel(BaseModel):
    """Base of what a suite file contains: frozen, without unknown keys; a wrong value is a SuiteError."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    if not TYPE_CHECKING:

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as fault:
                raise SuiteError(problems(fault, type(self)), hint="docs/suite.md lists every key") from None

        # pydantic calls no other `__init__` for what it reads, and `load` needs its error for the line of each problem.
        __init__.__pydantic_base_init__ = True


class RunEntry(SuiteModel):
    """One entry of ``runs``."""

    scenario: ScenarioId
    """Cekura's scenario id."""
    name: Annotated[str, Field(min_length=1)] | None = None
    """Name of the entry in reports. Default: `5501 text`, then `5501 text 2`, in file order. Unique."""
    repeat: Repeat = 1
    """Number of runs."""
    mode: Mode | None = None
    """`text` or `voice`. Default: the suite's."""
    timeout: Duration | None = None
    """Longest time from the start's POST to the verdict. Default: the suite's."""
    metadata: Metadata = {}
    """Merged over the suite's metadata into the job's."""
    tools: Tools = {}
    """Merged over the suite's `tools`."""
    publish_data_message: dict[str, Any] | None = None
    """Sent into the room by Cekura's evaluator; text only."""
    pass_rate: Rate | None = None
    """Share of passed runs that the entry needs. Default: the suite's."""
    max_reply: Duration | None = None
    """A passed run fails if one reply took longer. Default: the suite's."""
    unscored: Unscored | None = None
    """Outcome of a pass in which nothing was measured. Default: the suite's."""
