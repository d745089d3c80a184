"""`report --result`: the report of a suite whose command was lost, from what Cekura has of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.hosted import hosted

PASSES = {"status": "completed", "success": True, "evaluation": {"metrics": [{"eval_type": "binary", "passed": True}]}}
FAILS = {"status": "completed", "success": False, "error_message": "the price was wrong"}
EXECUTED = {"executed_at": "2026-03-01T09:30:00Z", "duration": "01:05"}
IDS = (30, 31)


def test_a_lost_suite_is_reported_by_the_ids_that_run_printed(tmp_path: Path) -> None:
    file = tmp_path / "recalled.json"
    with hosted(IDS) as services:
        services.cekura.fields = {30: PASSES | EXECUTED, 31: FAILS | EXECUTED}
        ran = services.run(IDS)
        printed = re.findall(r"result (\d+) on Cekura \(text\)", ran.printed.split("passed")[0])
        assert printed == ["9001"], "printed before any verdict"
        code, shown = services.command("report", "--result", "9001", "--name", "hosted", "--json", str(file))
        services.cekura.fields = {30: PASSES, 31: {"status": "evaluating", "success": None}}
        early, told = services.command("report", "--result", "9001")

    assert code == ran.code == 1, shown
    report, own = json.loads(file.read_text()), json.loads(ran.reports["json"])
    for key in ("case", "entry", "scenario", "mode", "outcome", "reason", "run_id", "result_id", "measured"):
        assert [run[key] for run in report["runs"]] == [run[key] for run in own["runs"]], key
    assert report["results"] == own["results"]
    assert (report["suite"], report["started_at"]) == ("hosted", "2026-03-01T09:30:00.000+00:00")
    assert [run["timeline"]["ended"] for run in report["runs"]] == [65.0, 65.0]
    assert "made from Cekura's results" in shown
    assert early == 2
    assert "no verdict yet: Cekura has the run as evaluating" in told


def test_what_cannot_be_reported_is_refused(tmp_path: Path) -> None:
    with hosted(IDS) as services:
        unknown = services.command("report", "--result", "5")
        neither = services.command("report")
        both = services.command("report", "a.json", "--result", "5")
        services.cekura.api_key = "another"
        refused = services.command("report", "--result", "5")

    assert (unknown[0], neither[0], both[0]) == (2, 2, 2)
    assert "Cekura knows no result 5" in unknown[1]
    assert "give JSON reports, or results of Cekura" in neither[1]
    assert "not both" in both[1]
    assert refused[0] == 2
