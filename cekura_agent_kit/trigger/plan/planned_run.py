"""One run of a suite's plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...contract import Mode
from ...verdict import PoolId
from .given_state import job_keys
from .suite_values import Unscored


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of the plan. ``case`` is ``SCENARIO#N``: the Nth occurrence of that scenario in the suite."""

    case: str
    entry: str
    scenario: int
    occurrence: int
    mode: Mode
    timeout: float
    metadata: Mapping[str, Any]
    room_metadata: Mapping[str, Any]
    test_profile: Mapping[str, Any] | bool
    """The agent's part of it. True until it was read from Cekura, False for none."""
    tools: Mapping[str, Any]
    seed: int | None
    """Of the entry; None for the suite's."""
    publish_data_message: Mapping[str, Any] | None
    max_reply: float | None
    unscored: Unscored
    job_attributes: Mapping[str, str] = field(default_factory=dict)
    """Of the job, beside its metadata: of a scenario with `userdata`."""

    @property
    def pool(self) -> PoolId:
        """The pool that the run belongs to."""
        return PoolId(self.entry, self.scenario, self.mode)

    @property
    def profile(self) -> Mapping[str, Any] | None:
        """The agent's part of the test profile; None for none, and until it was read from Cekura."""
        return None if isinstance(self.test_profile, bool) else self.test_profile

    @property
    def job_keys(self) -> dict[str, Any]:
        """Keys of the job's metadata beside the kit's own."""
        return job_keys(self.metadata, scenario=self.scenario, profile=self.profile)
