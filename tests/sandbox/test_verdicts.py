"""Every form of a verdict that Cekura documents, as the stand-in answers it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.reads import V2
from cekura_agent_kit.sandbox.cekura.service import CekuraService

from .cekura_requests import CHAT, QUICK, client_of, entry, final, scenario


async def verdict_of(verdict: dict[str, Any] | None = None, *, fault: Any = None, **keys: Any) -> dict[str, Any]:
    """A run whose conversation succeeds, once it is final."""
    made = scenario({"say": "Hi"}, verdict=verdict or {}, **keys)
    faults = Faults.model_validate({"runs": {"30": fault}} if fault else {})
    async with (
        CekuraService({30: made}, timing=QUICK, join=False, faults=faults) as service,
        client_of(service) as client,
    ):
        started = (await client.post(CHAT, json={"scenarios": [entry()]})).json()
        return await final(client, started["runs"][0]["id"])


async def test_by_default_the_expected_outcome_is_measured() -> None:
    run = await verdict_of(outcome="The table is booked.")
    assert run["success"] is True
    assert run["rubric"] is None
    assert run["evaluation_status"] == "success"
    assert run["evaluation"]["metrics"] == [
        {
            "id": 100,
            "name": "Expected Outcome",
            "eval_type": "binary",
            "passed": True,
            "explanation": [],
            "extra": {},
        }
    ]
    statement = {"outcome": "The table is booked.", "prompt_part": "The table is booked.", "aligned": True}
    assert run["expected_outcome"] == {"score": 100.0, "explanation": [], "outcome_alignments": [statement]}


async def test_a_broken_rule_fails_a_run_whose_outcome_was_met() -> None:
    rules = [
        {"name": "Booking", "passed": False, "value": 3, "conditions": "score gte 5", "explanation": "No table."},
        {"name": "Tone"},
        {"name": "Upsell", "passed": None},
    ]
    run = await verdict_of({"rubric": rules})
    assert run["success"] is False
    assert run["expected_outcome"]["score"] == 100.0
    assert run["rubric"][0] == {
        "metric_id": 100,
        "metric_name": "Booking",
        "value": 3,
        "explanation": ["No table."],
        "passed": False,
        "conditions": "score gte 5",
        "expected_conditions": {"score": {"gte": "5"}},
    }
    assert [rule["passed"] for rule in run["rubric"]] == [False, True, None]


async def test_a_rubric_of_rules_that_were_all_skipped_is_a_success() -> None:
    rules = [{"name": name, "passed": None} for name in ("Booking", "Tone")]
    assert (await verdict_of({"rubric": rules, "metrics": []}))["success"] is True


@pytest.mark.parametrize(
    ("metric", "wire"),
    [
        ({"passed": True}, {"eval_type": "binary", "passed": True}),
        ({"passed": False}, {"eval_type": "binary", "passed": False}),
        ({"passed": None}, {"eval_type": "binary", "passed": None}),
        (
            {"kind": "enum", "value": "polite", "passed": True},
            {"eval_type": "enum", "enum": "polite", "value": "polite", "passed": True},
        ),
        ({"kind": "numeric", "value": 2.5}, {"eval_type": "numeric", "value": 2.5}),
        ({"kind": "qualitative", "value": 4}, {"eval_type": "continuous_qualitative", "score": 4}),
        (
            {"kind": "score", "passed": True},
            {"type": "binary_workflow_adherence", "score": 5.0, "enum": "", "value": ""},
        ),
        (
            {"kind": "score", "passed": False, "explanation": ["Not once."]},
            {"type": "binary_workflow_adherence", "score": 0.0, "enum": "", "value": "", "explanation": ["Not once."]},
        ),
        ({"explanation": "As text."}, {"eval_type": "binary", "passed": True, "explanation": "As text."}),
    ],
)
async def test_metrics_of_each_kind(metric: dict[str, Any], wire: dict[str, Any]) -> None:
    run = await verdict_of({"metrics": [{"name": "Tone", **metric}]})
    assert run["evaluation"]["metrics"] == [{"id": 100, "name": "Tone", "explanation": [], "extra": {}} | wire]
    assert run["expected_outcome"] == {}
    assert run["success"] is (metric.get("passed", True) is not False)


@pytest.mark.parametrize(
    ("aligned", "score"),
    [
        ([True, True], 100.0),
        ([True, False], 0.0),
        (["yes", "yes"], 100.0),
        (["yes", "no"], 0.0),
        (["yes", "blocked"], 50.0),
        ([True, None], 50.0),
        (["no", "blocked"], 0.0),
    ],
)
async def test_statements_of_the_expected_outcome_in_each_form(aligned: list[Any], score: float) -> None:
    statements = [{"outcome": f"Statement {place}.", "aligned": each} for place, each in enumerate(aligned)]
    run = await verdict_of({"statements": statements, "explanation": ["✅ Statement 0."]})
    assert [each["aligned"] for each in run["expected_outcome"]["outcome_alignments"]] == aligned
    assert (run["expected_outcome"]["score"], run["expected_outcome"]["explanation"]) == (score, ["✅ Statement 0."])
    assert run["success"] is (score != 0.0)
    assert run["evaluation"]["metrics"][0]["passed"] is {100.0: True, 50.0: None, 0.0: False}[score]


async def test_statements_are_not_scored_without_the_metric() -> None:
    run = await verdict_of({"metrics": [], "statements": [{"outcome": "A table is booked.", "aligned": False}]})
    assert (run["success"], run["expected_outcome"], run["evaluation"]) == (True, {}, {"metrics": []})


@pytest.mark.parametrize("success", [True, False, None])
async def test_the_verdict_can_be_anything(success: bool | None) -> None:
    run = await verdict_of({"success": success})
    assert (run["status"], run["success"]) == ("completed", success)
    assert run["expected_outcome"]["score"] == 100.0
    assert run.get("evaluation_status") == {True: "success", False: "failure", None: None}[success]


async def test_the_verdict_comes_a_while_after_the_end() -> None:
    made = scenario({"say": "Hi"}, verdict={"success_after": "300ms"})
    async with CekuraService({30: made}, timing=QUICK, join=False) as service, client_of(service) as client:
        started = (await client.post(CHAT, json={"scenarios": [entry()]})).json()
        run = await final(client, started["runs"][0]["id"])
        assert (run["success"], run["expected_outcome"], run["evaluation"]) == (None, {}, {"metrics": []})
        async with asyncio.timeout(30):
            while run["success"] is None:
                run = (await client.get(f"{V2}/runs/{run['id']}/")).json()
        assert (run["success"], run["expected_outcome"]["score"]) == (True, 100.0)


@pytest.mark.parametrize("review", ["success", "failure"])
async def test_a_persons_review_stands_beside_the_verdict(review: str) -> None:
    run = await verdict_of({"review": review})
    assert (run["evaluation_status"], run["is_reviewed"], run["success"]) == (f"reviewed_{review}", True, True)


async def test_tools_that_were_mocked_are_named() -> None:
    assert (await verdict_of({"mocked_tools": ["book_table"]}))["mocked_tool_names"] == ["book_table"]


async def test_a_fault_changes_parts_of_the_scenarios_verdict() -> None:
    own = {"metrics": ["Tone"], "review": "success"}
    run = await verdict_of(own, fault={"verdict": {"review": "failure", "success": None}})
    assert [metric["name"] for metric in run["evaluation"]["metrics"]] == ["Tone"]
    assert (run["evaluation_status"], run["success"]) == ("reviewed_failure", None)
