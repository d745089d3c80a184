"""An entry of a suite file's ``runs``."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self, cast

from pydantic import ConfigDict, Field, model_validator

from ...contract import Mode
from ...yaml_files import Duration
from .selection import Select
from .suite_values import (
    Metadata,
    Rate,
    Repeat,
    RoomMetadata,
    ScenarioId,
    Seed,
    SuiteModel,
    TestProfile,
    Tools,
    Unscored,
)

_ONE_OF_BOTH: Final = {
    "oneOf": [
        {"required": [key], "properties": {key: {"type": kind}}}
        for key, kind in (("scenario", "integer"), ("select", "object"))
    ]
}


class RunEntry(SuiteModel):
    """One entry of ``runs``: a scenario, or those that `select` finds."""

    model_config = ConfigDict(json_schema_extra=cast(Any, _ONE_OF_BOTH))

    scenario: ScenarioId | None = None
    """Cekura's scenario id. Required without `select`."""
    select: Select | None = None
    """Scenarios chosen by tags, folder and agent when the suite is planned."""
    name: Annotated[str, Field(min_length=1)] | None = None
    """Name of the entry in reports. Default: `5501 text`, then `5501 text 2`, in file order. Unique."""
    repeat: Repeat = 1
    """Number of runs of each scenario."""
    mode: Mode | None = None
    """`text` or `voice`. Default: the suite's."""
    timeout: Duration | None = None
    """Longest time from the start's POST to the verdict. Default: the suite's."""
    metadata: Metadata = {}
    """Merged over the suite's metadata into the job's."""
    room_metadata: RoomMetadata = {}
    """Merged over the suite's `room_metadata`."""
    test_profile: TestProfile | None = None
    """Test profile of the agent. Default: the suite's."""
    tools: Tools = {}
    """Merged over the suite's `tools`."""
    seed: Seed | None = None
    """Seed of the entry's runs, in the place of the suite's."""
    publish_data_message: dict[str, Any] | None = None
    """Sent into the room by Cekura's evaluator; text only."""
    pass_rate: Rate | None = None
    """Share of passed runs that the entry needs. Default: the suite's."""
    max_reply: Duration | None = None
    """A passed run fails if one reply took longer. Default: the suite's."""
    unscored: Unscored | None = None
    """Outcome of a pass in which nothing was measured. Default: the suite's."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.scenario is None) is (self.select is None):
            raise ValueError("an entry needs `scenario` or `select`" + (", not both" if self.select else ""))
        return self

    @property
    def described(self) -> str:
        """The scenarios in words: `30`, or what selects them."""
        return str(self.scenario) if self.select is None else self.select.described
