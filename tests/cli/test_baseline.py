"""`cekura-kit run --baseline`: refused before anything is started, or part of every report."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hosted import hosted

PASSES = {"status": "completed", "success": True, "evaluation": {"metrics": [{"eval_type": "binary", "passed": True}]}}
FAILS = {"status": "completed", "success": False}
SCENARIOS = (30, 31)


def test_a_run_is_compared_with_its_baseline_and_worse_is_1(tmp_path: Path) -> None:
    before = tmp_path / "main.json"
    with hosted(SCENARIOS) as services:
        services.cekura.fields = {30: PASSES, 31: FAILS}
        before.write_text(services.run(SCENARIOS).reports["json"])
        same = services.run(SCENARIOS, "--baseline", str(before), "--fail-on", "new")
        services.cekura.fields = {30: FAILS, 31: PASSES}
        worse = services.run(SCENARIOS, "--baseline", str(before), "--fail-on", "new")
        started = len(services.cekura.starts)
        other = services.run(SCENARIOS, "--baseline", str(before), name="another")
        voice = services.run(SCENARIOS, "--baseline", str(before), mode="voice")
        assert len(services.cekura.starts) == started

    assert same.code == 0, same.printed
    assert "Not worse than the baseline: 1 still failing, 1 passing as before." in same.printed
    assert worse.code == 1, worse.printed
    comparison = json.loads(worse.reports["json"])["comparison"]
    assert [(pool["scenario"], pool["change"]) for pool in comparison["pools"]] == [
        (30, "newly_failing"),
        (31, "fixed"),
    ]
    assert "Worse than the baseline in 1 pool" in worse.reports["markdown"]
    assert "Worse than the baseline in 1 pool" in worse.reports["html"]
    assert (other.code, list(other.reports)) == (2, ["json"])
    assert "the baseline is of another suite: 'hosted', not 'another'" in other.printed
    assert (voice.code, list(voice.reports)) == (2, ["json"])
    assert "the baseline has no run in voice mode" in voice.printed
