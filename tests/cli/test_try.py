"""`run --try N`: what fails in memory is not started on Cekura, and the reports say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.verdict import SuiteVerdict
from tests.cli.test_only_failed import PASSES
from tests.hosted import Done, Hosted, hosted
from tests.rehearsal.test_plugin import AGENT, SCENARIOS

IDS = (30, 31, 32)
FAILURE = "Waited 0.3 s to hear 'window'"
BROKEN = """
from livekit.agents import JobContext

async def entrypoint(ctx: JobContext) -> None:
    raise ValueError("the menu is missing")
"""


def run(services: Hosted, folder: Path, *options: str, ids: tuple[int, ...] = IDS, **keys: Any) -> Done:
    file = folder / "cekura.scenarios.yaml"
    file.write_text(SCENARIOS)
    services.cekura.fields = dict.fromkeys(IDS, PASSES)
    return services.run(ids, "--try", "2", "--try-agent", str(AGENT), *options, sandbox=str(file), **keys)


def test_what_fails_in_memory_is_not_started_and_fails_the_suite(tmp_path: Path) -> None:
    with hosted(IDS) as services:
        done = run(services, tmp_path, runs=[{"scenario": 30}, {"scenario": 31, "repeat": 2}, {"scenario": 32}])
        assert sorted(each.scenario_id for each in services.cekura.runs.values()) == [30, 32]

    assert done.code == 1, done.printed
    verdict = SuiteVerdict.from_json(done.reports["json"])
    assert [(each.case, each.outcome, each.reason) for each in verdict.runs if each.outcome == "skipped"] == [
        ("31#1", "skipped", "tried"),
        ("31#2", "skipped", "tried"),
    ]
    assert [(each.case, each.outcome) for each in verdict.tries] == [
        ("30#1", "passed"),
        ("30#2", "passed"),
        ("31#1", "failed"),
        ("31#2", "failed"),
    ]
    assert {each.transcript_source for each in verdict.tries} == {"memory"}
    assert any("does not have it: scenario 32" in note for note in verdict.notes)
    headline = "The agent passed both runs; it failed 1 scenario in memory; 2 runs skipped."
    for form in (done.printed, done.reports["markdown"], done.reports["html"]):
        assert headline in form
        assert "0 of 2 passed in memory, 2 runs not started" in form
        assert "Waited 0.3 s to hear" in form
    assert done.reports["junit"].count("<failure ") == 2
    assert FAILURE in done.reports["junit"]


def test_a_plan_in_which_everything_fails_in_memory_asks_nobody(tmp_path: Path) -> None:
    with hosted(IDS) as services:
        done = run(services, tmp_path, ids=(31,))
        assert not services.cekura.starts
        assert not services.rooms.requests

    assert done.code == 1, done.printed
    assert "The agent failed 1 scenario in memory; 1 run skipped." in done.printed


def test_a_dry_run_shows_what_would_not_be_started(tmp_path: Path) -> None:
    with hosted(IDS) as services:
        done = run(services, tmp_path, "--dry-run")
        assert not services.cekura.starts

    assert done.code == 1, done.printed
    runs = json.loads(done.reports["json"])["runs"]
    assert [run["case"] for run in runs if run["not_started"]] == ["31#1"]
    assert f"not started: 0 of 2 tries in memory passed: {FAILURE}" in done.printed
    assert "estimated: 2 text runs" in done.printed


def test_a_try_that_cannot_be_held_decides_nothing(tmp_path: Path) -> None:
    agent = tmp_path / "agent.py"
    agent.write_text(BROKEN)
    with hosted(IDS) as services:
        done = run(services, tmp_path, "--try-agent", str(agent), ids=(30,))
        assert len(services.cekura.starts) == 1

    assert done.code == 0, done.printed
    assert "0 of 2 passed in memory, 2 errored" in done.printed
    assert "errored in memory: ValueError: the menu is missing" in done.reports["junit"]
    assert "<failure" not in done.reports["junit"]


def test_a_pass_rate_forgives_a_failed_try(tmp_path: Path) -> None:
    with hosted(IDS) as services:
        done = run(services, tmp_path, ids=(31,), pass_rate=0.0)
        assert len(services.cekura.starts) == 1

    assert done.code == 0, done.printed
    assert "<failure " not in done.reports["junit"]


@pytest.mark.parametrize(
    ("options", "keys", "error"),
    [
        (("--try-agent", ""), {}, "the suite has no worker, and --try needs the agent's file"),
        (("--try-agent", "none.py"), {}, "none.py: there is no such file"),
        ((), {"runs": [{"scenario": 32}]}, "has none of the plan's scenarios"),
    ],
)
def test_what_cannot_be_tried_is_refused(
    tmp_path: Path, options: tuple[str, ...], keys: dict[str, Any], error: str
) -> None:
    with hosted(IDS) as services:
        done = run(services, tmp_path, *options, **keys)
        assert not services.cekura.starts

    assert done.code == 2
    assert error in done.printed
