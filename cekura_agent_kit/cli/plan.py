"""The plan of a suite, printed by `cekura-kit run --dry-run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..contract import Mode
from ..counting import counted
from ..report.sanitize import console_line
from .console import say

if TYPE_CHECKING:
    from ..trigger.suite import PlannedRun, Suite


def print_plan(suite: Suite, plan: list[PlannedRun], *, err: bool = False) -> None:
    """Print the runs that would be started, and how they are billed.

    Args:
        suite: the suite.
        plan: the runs.
        err: print on stderr.
    """
    from ..trigger.cekura.client import BILLED, START

    runs = f"{counted(len(plan), 'run')}, up to {suite.concurrency} at the same time"
    agent = f"the suite's worker: {suite.worker}" if suite.worker else f"agent {suite.agent_name!r}"
    lines = [f"{console_line(suite.name)}: {runs}. Nothing is started.", f"  agent     {console_line(agent)}"]
    for mode in Mode:
        of_mode = [planned for planned in plan if planned.mode is mode]
        if of_mode:
            lines.append(f"  {mode:<8}  {counted(len(of_mode), 'run')}, POST {START[mode]}, billed {BILLED[mode]}")
    for planned in plan:
        extra = " with a data message" if planned.publish_data_message is not None else ""
        lines.append(f"    {planned.case:<12} {planned.mode:<5} timeout {planned.timeout:g} s{extra}")
    say("\n".join(lines), err=err)


def plan_as_json(suite: Suite, plan: list[PlannedRun]) -> dict[str, Any]:
    """Return the plan as a JSON object, version 1; docs/suite.md describes it."""
    from ..trigger.cekura.client import BILLED, START

    return {
        "version": 1,
        "suite": suite.name,
        "agent_name": suite.agent_name,
        "worker": suite.worker,
        "concurrency": suite.concurrency,
        "runs": [
            {
                "case": planned.case,
                "entry": planned.entry,
                "scenario": planned.scenario,
                "mode": planned.mode.value,
                "timeout_s": planned.timeout,
                "post": START[planned.mode],
                "billed": BILLED[planned.mode],
            }
            for planned in plan
        ],
    }
