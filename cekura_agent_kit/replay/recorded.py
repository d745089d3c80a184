"""The conversation that is replayed, as a report or Cekura has it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import ReportError
from ..sandbox.cekura.scenarios import Scenario
from ..trigger.plan.planned_run import PlannedRun
from ..trigger.plan.suite import Suite
from ..verdict import Line, Outcome, RunVerdict, SuiteVerdict


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One run, as far as a replay needs it.

    Attributes:
        case: `SCENARIO#N`; of a run that was read from Cekura, `SCENARIO#ID`.
        source: the report's file, or "Cekura".
        scenario: Cekura's id.
        name: the scenario's name.
        outcome: `passed`, `failed`, `errored` or, of Cekura's, empty.
        reason: of a run that did not pass.
        lines: the conversation.
        given: what the agent was given: `metadata`, `room_metadata`, `test_profile`, `tools`, `seed`.
        suite: name of the suite; empty if it is not known.
        worker: file or command of the suite's worker; empty if it is not known.
    """

    case: str
    source: str
    scenario: int
    name: str
    outcome: str
    reason: str
    lines: tuple[Line, ...]
    given: dict[str, Any] = field(default_factory=dict)
    suite: str = ""
    worker: str = ""

    @property
    def words(self) -> list[str]:
        """The evaluator's words, in order."""
        return [line.text for line in self.lines if line.role == "evaluator" and line.text.strip()]


def of_report(report: SuiteVerdict, case: str, *, source: str) -> Recorded:
    """Return a run of a report.

    Raises:
        ReportError: the report has no such case, or nothing was said in it.
    """
    run = next((each for each in report.runs if each.case == case), None)
    if run is None:
        known = ", ".join(each.case for each in report.runs) or "none"
        raise ReportError(f"{source}: no case {case}; it has {known}", hint="give one of these")
    return _checked(
        Recorded(
            case=case,
            source=source,
            scenario=run.scenario,
            name=run.scenario_name,
            outcome=str(run.outcome),
            reason=run.reason if run.outcome is not Outcome.PASSED else "",
            lines=tuple(run.transcript),
            given=_given(run),
            suite=report.suite,
            worker=report.worker,
        )
    )


def of_cekura(run_id: int, scenario: int, name: str, reason: str, lines: tuple[Line, ...]) -> Recorded:
    """Return a run that was read from Cekura.

    Raises:
        ReportError: Cekura has no transcript of it.
    """
    return _checked(
        Recorded(
            case=f"{scenario}#{run_id}",
            source="Cekura",
            scenario=scenario,
            name=name,
            outcome="",
            reason=reason,
            lines=lines,
        )
    )


def completed_by(recorded: Recorded, planned: PlannedRun | None, scenario: Scenario | None) -> dict[str, Any]:
    """Return what the agent is given: as in the report, and where that has nothing, as in the suite and its scenario.

    Args:
        recorded: the run.
        planned: the run of the suite.
        scenario: of the sandbox's file.
    """
    given: dict[str, Any] = {}
    if planned is not None:
        given = {key: getattr(planned, key) for key in ("metadata", "room_metadata", "tools")}
        own = scenario.profile if scenario is not None and planned.test_profile is True else None
        given["test_profile"] = own if isinstance(planned.test_profile, bool) else planned.test_profile
    elif scenario is not None:
        # A planned run has them already, below its entry's own.
        given["tools"] = scenario.tools
    return given | {key: value for key, value in recorded.given.items() if value}


def planned_for(suite: Suite, recorded: Recorded) -> PlannedRun | None:
    """Return the run of the suite's plan that the recorded one was, else the first of its scenario."""
    plan = [planned for planned in suite.plan() if planned.scenario == recorded.scenario]
    return next((planned for planned in plan if planned.case == recorded.case), plan[0] if plan else None)


def require_same_agent(suite: Suite, recorded: Recorded) -> None:
    """Check that the report is of the suite's agent.

    Raises:
        ReportError: it is not.
    """
    for what, there, here in (("suite", recorded.suite, suite.name), ("worker", recorded.worker, suite.worker)):
        if there and there != (here or ""):
            raise ReportError(
                f"{recorded.source} is of another agent: its {what} is {there!r}, and that of the suite here {here!r}",
                hint="give the suite of the report with --suite, or its agent's file with --agent",
            )


def same_words(one: str, other: str) -> bool:
    """Return true for the same words: in voice, punctuation and case are the recognizer's."""
    return plain(one) == plain(other)


def plain(text: str) -> str:
    """Return the words alone, in lower case."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _given(run: RunVerdict) -> dict[str, Any]:
    return {
        "metadata": run.metadata,
        "room_metadata": run.room_metadata,
        "test_profile": run.test_profile_data,
        "tools": run.tools,
        "seed": run.seed,
    }


def _checked(recorded: Recorded) -> Recorded:
    if not recorded.words:
        why = f": {recorded.reason}" if recorded.reason else ""
        raise ReportError(
            f"{recorded.source}: {recorded.case} has no words of the evaluator, so there is nothing to replay{why}",
            hint="replay a run in which both sides talked; a run without a witness has Cekura's transcript, if any",
        )
    return recorded
