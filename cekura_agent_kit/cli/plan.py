"""The plan of a suite, printed by `cekura-kit run --dry-run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contract import Mode
from ..counting import counted
from ..report.sanitize import console_line
from .console import say

if TYPE_CHECKING:
    from ..trigger.suite import PlannedRun, Suite


def print_plan(suite: Suite, plan: list[PlannedRun]) -> None:
    """Print the runs that would be started, and how they are billed."""
    from ..trigger.cekura.client import BILLED, START

    runs = f"{counted(len(plan), 'run')}, up to {suite.concurrency} at the same time"
    say(f"{console_line(suite.name)}: {runs}. Nothing is started.")
    agent = f"the suite's worker: {suite.worker}" if suite.worker else f"agent {suite.agent_name!r}"
    say(f"  agent     {console_line(agent)}")
    for mode in Mode:
        of_mode = [planned for planned in plan if planned.mode is mode]
        if of_mode:
            say(f"  {mode:<8}  {counted(len(of_mode), 'run')}, POST {START[mode]}, billed {BILLED[mode]}")
    for planned in plan:
        extra = " with a data message" if planned.publish_data_message is not None else ""
        say(f"    {planned.case:<12} {planned.mode:<5} timeout {planned.timeout:g} s{extra}")
