"""`run --only-failed`: what did not pass is run again, and the report is merged with the first one."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hosted import hosted

PASSES = {"status": "completed", "success": True, "evaluation": {"metrics": [{"eval_type": "binary", "passed": True}]}}
FAILS = {"status": "completed", "success": False, "error_message": "the price was wrong"}
IDS = (30, 31, 32)


def test_what_did_not_pass_is_run_again_and_merged(tmp_path: Path) -> None:
    before, after, both = (tmp_path / name for name in ("a.json", "b.json", "both.json"))
    with hosted(IDS) as services:
        services.cekura.fields = {30: PASSES, 31: FAILS, 32: {"status": "failed", "success": None}}
        first = services.run(IDS)
        before.write_text(first.reports["json"])
        started = len(services.cekura.runs)
        services.cekura.fields = {31: PASSES, 32: FAILS}
        second = services.run(IDS, "--only-failed", str(before))
        assert len(services.cekura.runs) - started == 2
        after.write_text(second.reports["json"])
        code, printed = services.command("report", str(before), str(after), "--json", str(both))
        gone = services.run((30, 31), "--only-failed", str(before), "--dry-run")

    assert second.code == 1, second.printed
    later = json.loads(second.reports["json"])
    assert [run["case"] for run in later["runs"]] == ["31#1", "32#1"]
    assert later["retries"] == json.loads(before.read_text())["suite_id"]
    assert later["narrowed"] == f"--only-failed {before}: 2 of 3 runs"
    assert code == 1, printed
    report = json.loads(both.read_text())
    assert [(run["case"], run["outcome"]) for run in report["runs"]] == [
        ("30#1", "passed"),
        ("31#1", "passed"),
        ("32#1", "failed"),
    ]
    assert [run["outcome"] for run in report["superseded"]] == ["failed", "errored"]
    assert "an earlier attempt failed: the price was wrong" in printed
    assert "1 flaky" in printed
    assert f"not in the plan any more: 1 case of {before}: 32#1" in gone.printed


def test_what_a_pass_rate_forgives_is_not_run_again(tmp_path: Path) -> None:
    before = tmp_path / "a.json"
    runs = [{"scenario": 30, "repeat": 2, "pass_rate": 0}, {"scenario": 31}]
    with hosted(IDS) as services:
        services.cekura.fields = {30: FAILS, 31: FAILS}
        before.write_text(services.run(IDS, runs=runs).reports["json"])
        again = services.run(IDS, "--only-failed", str(before), "--dry-run", runs=runs)

    assert [run["case"] for run in json.loads(again.reports["json"])["runs"]] == ["31#1"]


def test_what_cannot_be_run_again_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    before = tmp_path / "a.json"
    with hosted(IDS) as services:
        services.cekura.fields = dict.fromkeys(IDS, PASSES)
        before.write_text(services.run(IDS).reports["json"])
        started = len(services.cekura.starts)
        passed = services.run(IDS, "--only-failed", str(before))
        other = services.run(IDS, "--only-failed", str(before), name="another")
        same = services.run(IDS, "--only-failed", str(before), "--json", str(before))
        missing = services.run(IDS, "--only-failed", str(tmp_path / "none.json"))
        assert len(services.cekura.starts) == started

    assert (passed.code, other.code, same.code, missing.code) == (2, 2, 2, 2)
    assert "everything passed, and nothing is left to run again" in passed.printed
    assert "is a report of another suite: 'hosted', not 'another'" in other.printed
    assert "the new report would overwrite it" in same.printed
    assert "none.json: cannot be read" in missing.printed
    assert json.loads(before.read_text())["outcome"] == "passed"
