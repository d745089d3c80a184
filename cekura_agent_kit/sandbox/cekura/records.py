"""Runs, results and scenarios as the JSON of Cekura's answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from ...contract import Mode
from ..channels.channel import Utterance
from .judgement import Judgement
from .runs import Result, SandboxRun
from .scenarios import Scenario

_ROLES: Final = {"evaluator": "Testing Agent", "agent": "Main Agent"}
_PERSONALITY: Final = 1
_PERSONALITY_NAME: Final = "Normal"
_CREATED_AT: Final = "2026-01-01T00:00:00Z"


def start_record(result: Result) -> dict[str, Any]:
    """The answer to a start: a result whose ``runs`` are an array."""
    return _common(result) | {"runs": [_brief(run) for run in result.runs]}


def result_record(result: Result) -> dict[str, Any]:
    """A result without its ``runs``."""
    completed = [run for run in result.runs if run.status == "completed"]
    passed = sum(run.success is True for run in completed)
    return _common(result) | {
        "name": f"Result {result.id}",
        "success_rate": 100.0 * passed / len(completed) if completed else 0.0,
        "total_runs_count": len(result.runs),
        "completed_runs_count": len(completed),
        "success_runs_count": passed,
        "failed_runs_count": len(completed) - passed,
    }


def run_record(run: SandboxRun) -> dict[str, Any]:
    """A run, as one is read."""
    scores = run.scores
    record = _brief(run) | {
        "agent": run.scenario.agent,
        "success": run.success,
        "error_message": run.error_message,
        "result_id": run.result_id,
        "run_as_text": run.mode is Mode.TEXT,
        "duration": _clock(max((each.end for each in run.transcript), default=0.0)),
        "executed_at": run.executed_at.isoformat(),
        "expected_outcome_prompt": run.scenario.expected_outcome,
        "expected_outcome": scores.expected_outcome() if scores else {},
        "evaluation": {"metrics": scores.metrics() if scores else []},
        "rubric": scores.rubric() if scores else None,
        "mocked_tool_names": list(run.parts.mocked_tools) if run.final else [],
        "is_reviewed": scores is not None and run.parts.review is not None,
        "personality_name": _PERSONALITY_NAME,
        "scenario_type": "instruction",
        "transcript": "\n".join(
            f"[{_clock(each.start)}] {_ROLES[each.speaker]}: {each.text}" for each in run.transcript
        ),
        "transcript_object": [_line(each) for each in run.transcript],
        "voice_recording_url": "",
        "metadata": _metadata(run.judgement) if run.judgement else {},
        "provider_call_id": "",
    }
    if scores and run.parts.review is not None:
        record["evaluation_status"] = f"reviewed_{run.parts.review}"
    elif run.success is not None:
        record["evaluation_status"] = "success" if run.success else "failure"
    return record


def _metadata(judgement: Judgement) -> dict[str, Any]:
    """Return a run's metadata; of a caller that a model played also by which one."""
    played = {"played_caller": asdict(judgement.played)} if judgement.played else {}
    return {"ended_reason": judgement.ended_reason, **played}


def scenario_record(scenario_id: int, scenario: Scenario) -> dict[str, Any]:
    """A scenario."""
    instructions, first_message = _instructions(scenario)
    return {
        "id": scenario_id,
        "name": scenario.name,
        "agent": scenario.agent,
        "agent_name": f"Agent {scenario.agent}",
        "personality": _PERSONALITY,
        "personality_name": _PERSONALITY_NAME,
        "scenario_type": scenario.scenario_type,
        "scenario_language": "en",
        "tags": list(scenario.tags),
        "folder_path": scenario.folder or None,
        "metric_names": [metric.name for metric in scenario.verdict.metrics],
        "tool_ids": list(scenario.evaluator_tools),
        "instructions": instructions,
        "first_message": first_message,
        "expected_outcome_prompt": scenario.expected_outcome,
        "information_fields": {},
        "max_duration": scenario.max_duration,
        "test_profile": scenario_id if scenario.profile is not None else None,
        "test_profile_data": _profile(scenario_id, scenario),
    }


def _instructions(scenario: Scenario) -> tuple[str, str]:
    """Return the instructions of Cekura's evaluator, and its first message."""
    if (caller := scenario.caller) is not None:
        facts = [f"{name}: {value}" for name, value in caller.facts.items()]
        return "\n".join(filter(None, [caller.persona, caller.goal, *facts])), caller.first_message or ""
    says = [step.say for step in scenario.talk if step.say]
    return "Say, in this order: " + " / ".join(says) if says else "Say nothing.", scenario.talk[0].say or ""


def listed_scenario_record(scenario_id: int, scenario: Scenario, updated_at: datetime | None) -> dict[str, Any]:
    """A scenario in a list, which also names when it was updated; None for never."""
    dates = {"created_at": _CREATED_AT, "updated_at": updated_at.isoformat() if updated_at else _CREATED_AT}
    return scenario_record(scenario_id, scenario) | dates


def folder_records(scenarios: Iterable[Scenario]) -> list[dict[str, Any]]:
    """The folders of the scenarios, those above them included, in order of their paths."""
    paths = set()
    for scenario in scenarios:
        levels = scenario.folder.split(".") if scenario.folder else []
        paths |= {".".join(levels[: depth + 1]) for depth in range(len(levels))}
    dates = {"created_at": _CREATED_AT, "updated_at": _CREATED_AT}
    return [{"name": path.rpartition(".")[2], "path": path, **dates} for path in sorted(paths)]


def _common(result: Result) -> dict[str, Any]:
    return {
        "id": result.id,
        "agent": result.agent,
        "status": result.status,
        "run_as_text": result.mode is Mode.TEXT,
        "created_at": result.created_at.isoformat(),
    }


def _brief(run: SandboxRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "status": run.shown_status,
        "scenario": run.scenario_id,
        "scenario_name": run.scenario.name,
        "test_profile_data": _profile(run.scenario_id, run.scenario),
    }


def _profile(scenario_id: int, scenario: Scenario) -> dict[str, Any] | None:
    if scenario.profile is None:
        return None
    return {"id": scenario_id, "name": f"Profile of {scenario.name}", "information": scenario.profile}


def _line(utterance: Utterance) -> dict[str, Any]:
    return {
        "role": _ROLES[utterance.speaker],
        "content": utterance.text,
        "normalized_content": utterance.text,
        "comparison_spans": [],
        "timestamp": round(utterance.start, 3),
        "time": _clock(utterance.start),
        "start_time": round(utterance.start, 3),
        "end_time": round(utterance.end, 3),
    }


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
