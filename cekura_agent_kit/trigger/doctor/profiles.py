"""Test profiles of a plan, from what was read of its scenarios. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...contract import MAX_METADATA_BYTES
from ...errors import MetadataError
from ...permit import Permit
from ...verdict import Kind
from ..errored import Errored
from ..plan.given_state import main_agent_part
from ..plan.planned_run import PlannedRun
from .scenario_checks import ScenarioReport


def with_profiles(plan: Sequence[PlannedRun], report: ScenarioReport) -> list[PlannedRun]:
    """Return the plan with the test profiles that it asks Cekura for.

    Args:
        plan: the runs.
        report: what was read of their scenarios; a scenario without a profile gives its runs none.

    Raises:
        Errored: a profile could not be read, or cannot be sent.
    """
    return [_with_profile(planned, report) if planned.test_profile is True else planned for planned in plan]


def _with_profile(planned: PlannedRun, report: ScenarioReport) -> PlannedRun:
    scenario = report.known.get(planned.scenario)
    if scenario is None:
        raise Errored(
            Kind.CEKURA_UNREACHABLE,
            f"the test profile of scenario {planned.scenario} could not be read from Cekura; nothing was started",
            hint="run it again, or write the profile into the suite: `test_profile: {name: Ada}`",
        )
    if scenario.profile is None:
        return replace(planned, test_profile=False)
    try:
        given = replace(planned, test_profile=main_agent_part(scenario.profile))
        Permit(room="x" * 32, mode=given.mode, suite="", case=given.case, tools=given.tools).check_size(given.job_keys)
    except (ValueError, MetadataError) as error:
        raise Errored(
            Kind.START_REFUSED,
            f"the test profile of scenario {planned.scenario} cannot be sent: {error}; nothing was started",
            hint=f"change the profile on Cekura: the whole metadata of a job has {MAX_METADATA_BYTES} bytes at most",
        ) from None
    return given
