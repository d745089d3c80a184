"""`run` and `scenarios` choose: what stands in plan and report, and what is refused before anything is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from tests.hosted import Hosted, hosted

PASSES = {"status": "completed", "success": True, "evaluation": {"metrics": [{"eval_type": "binary", "passed": True}]}}
IDS = (30, 31, 32)
TAGS: dict[int, dict[str, Any]] = {
    30: {"tags": ["smoke"], "name": "Books", "folder": "Sales"},
    31: {"tags": ["smoke", "slow"], "name": "Refund", "outcome": "", "evaluator_tools": []},
    32: {"tags": ["other"], "name": "Complains"},
}
SELECT = [{"select": {"tags": ["smoke"]}, "name": "quick"}, {"scenario": 32}]


def store(services: Hosted) -> None:
    for key, fields in TAGS.items():
        stored = {"talk": [{"say": "hello"}], "verdict": {"metrics": []}} | fields
        services.cekura.scenarios[key] = Scenario.model_validate(stored)
    services.cekura.fields = dict.fromkeys(IDS, PASSES)


def test_what_was_chosen_stands_in_the_report_and_a_part_of_it_keeps_its_cases(tmp_path: Path) -> None:
    with hosted(IDS) as services:
        store(services)
        whole = services.run(IDS, runs=[{"scenario": 31}, *SELECT])
        before = tmp_path / "main.json"
        before.write_text(whole.reports["json"])
        part = services.run(
            IDS, "--tag", "slow", "--entry", "quick", "--baseline", str(before), runs=[{"scenario": 31}, *SELECT]
        )

    assert whole.code == 0, whole.printed
    report = json.loads(whole.reports["json"])
    assert report["selected"] == [{"entry": "quick", "select": "tags smoke", "scenarios": [30, 31]}]
    assert [run["case"] for run in report["runs"]] == ["31#1", "30#1", "31#2", "32#1"]
    assert report["narrowed"] == ""
    assert "entry 'quick': 2 scenarios chosen by tags smoke" in whole.printed
    assert part.code == 0, part.printed
    narrowed = json.loads(part.reports["json"])
    assert [run["case"] for run in narrowed["runs"]] == ["31#2"]
    assert narrowed["narrowed"] == "--tag slow --entry 'quick': 1 of 4 runs"
    assert "narrowed by --tag slow --entry 'quick': 1 of 4 runs" in part.reports["markdown"]
    assert [pool["change"] for pool in narrowed["comparison"]["pools"]] == ["passing"]


def test_nothing_is_started_if_nothing_is_chosen_or_too_much(tmp_path: Path) -> None:
    with hosted(IDS) as services:
        store(services)
        none = services.run(IDS, runs=[{"select": {"tags": ["nightly"]}}])
        many = services.run(IDS, runs=SELECT, max_runs=2)
        few = services.run(IDS, "--dry-run", "-k", "refund", runs=SELECT, max_runs=2)
        assert services.cekura.starts == []

    assert none.code == 2
    assert "runs.0.select: no scenario is chosen by tags nightly" in none.printed
    assert many.code == 2
    assert "the plan has 3 runs, and max_runs is 2" in many.printed
    assert few.code == 0, few.printed
    plan = json.loads(few.reports["json"])
    assert [run["case"] for run in plan["runs"]] == ["31#1"]
    assert (plan["narrowed"], plan["selected"][0]["scenarios"]) == ("-k 'refund': 1 of 3 runs", [30, 31])
    assert "31#1" in few.printed


def test_the_doctor_chooses_too(tmp_path: Path) -> None:
    (tmp_path / "cekura.yaml").write_text(json.dumps({"agent_name": "a", "runs": [{"select": {"tags": ["nightly"]}}]}))
    with hosted(IDS) as services:
        store(services)
        code, printed = services.command("doctor", str(tmp_path))

    assert code == 2
    assert "no scenario is chosen by tags nightly" in printed
    assert "needs scenarios" in printed


def test_scenarios_are_listed_with_what_makes_each_worthless(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    with hosted(IDS) as services:
        store(services)
        code, printed = services.command("scenarios", "--tag", "smoke", "--json", str(file))
        none, refused = services.command("scenarios", "--folder", "Sale")

    assert code == 0, printed
    rows = [line.split("  ") for line in printed.splitlines()]
    assert rows[0][0] == "id"
    assert printed.splitlines()[2].split() == (
        ["31", "Refund", "812", "smoke,", "slow", "no", "metric,", "no", "expected", "outcome,", "cannot", "hang", "up"]
    )
    assert "2 scenarios, of which 2 prove little" in printed
    listed = json.loads(file.read_text())["scenarios"]
    assert [(each["id"], each["tags"], each["folder"]) for each in listed] == [
        (30, ["smoke"], "Sales"),
        (31, ["smoke", "slow"], ""),
    ]
    assert listed[1]["flaws"] == ["no metric", "no expected outcome", "cannot hang up"]
    assert none == 2
    assert "did you mean 'Sales'?" in refused


def test_the_sandboxs_scenarios_are_chosen_from_its_file(tmp_path: Path) -> None:
    suite = {"agent_name": "a", "worker": "agent.py", "mode": "text", "runs": [{"select": {"folder": "Sales"}}]}
    (tmp_path / "cekura.yaml").write_text(json.dumps(suite))
    scenarios = {str(key): {"talk": [{"say": "hello"}]} | fields for key, fields in TAGS.items()}
    (tmp_path / "cekura.scenarios.yaml").write_text(json.dumps(scenarios))
    with hosted(IDS) as services:
        code, printed = services.command("run", str(tmp_path), "--sandbox", "--dry-run", "-k", "books")
        listed, table = services.command("scenarios", str(tmp_path), "--sandbox")
        assert services.cekura.requests["scenarios"] == 0

    assert code == 0, printed
    assert "30#1" in printed
    assert "31#" not in printed
    assert listed == 0, table
    assert "cannot hang up" in table
