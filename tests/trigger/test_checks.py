"""Checks of the agent's own code reach the verdict, also those made when its session has ended."""

from __future__ import annotations

import pytest

from cekura_agent_kit.verdict import Check, Outcome
from tests.trigger.bench import BOOKING, Bench

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("trigger")]

CHAIRS = Check(name="enough chairs", ok=True, detail="2 people")
CALENDAR = Check(name="the calendar has the booking", ok=False, detail="it is empty")
REASON = "the agent's check failed: the calendar has the booking (it is empty)"


async def test_checks_of_a_tool_and_of_the_end_of_the_session_are_reported(bench: Bench) -> None:
    """The second agent deletes its room in a tool: what is wrong with its doubles is sent before."""
    hangs_up = {"scenario": BOOKING, "metadata": {"behave": "hang_up"}, "tools": {"buk": "refuse", "book": "run"}}
    outcome = await bench.run(bench.suite(BOOKING, hangs_up, behave="check"))

    run, hung_up = outcome.verdict.runs
    assert run.checks == [CHAIRS, CALENDAR]
    assert (run.outcome, run.reason) == (Outcome.FAILED, REASON)
    assert outcome.verdict.exit_code == 1
    told = [line.text for line in run.transcript if line.name == "check"]
    assert told == ["enough chairs: passed (2 people)", "the calendar has the booking: failed (it is empty)"]
    assert run.notes == []

    ends = [(line.name, line.text) for line in hung_up.transcript if line.name in ("note", "room deleted")]
    assert ends == [
        ("note", "no agent of this test had a tool 'buk', which `tools` names"),
        ("room deleted", "by the agent"),
    ]


async def test_the_first_check_that_failed_is_reported_without_a_witness(bench: Bench) -> None:
    outcome = await bench.run(bench.suite(BOOKING, behave="check", witnesses=0))

    (run,) = outcome.verdict.runs
    assert (run.outcome, run.reason) == (Outcome.FAILED, REASON)
    assert [check.ok for check in run.checks] == [False]
