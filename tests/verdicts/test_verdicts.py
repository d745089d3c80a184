"""Each row of the table, from the JSON of an answer to the suite's verdict; and the document made from it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from cekura_agent_kit.trigger.case.judging import Observed, verdict_of
from cekura_agent_kit.trigger.cekura.api_models import read_runs
from cekura_agent_kit.verdict import Outcome, RunVerdict, SuiteVerdict
from tests.planned import PLANNED
from tests.verdicts.__main__ import FILE, document
from tests.verdicts.table import ANSWERS, Answer


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_an_answer_comes_to_its_verdict(answer: Answer) -> None:
    suite = suite_verdict_of(answer)
    (run,) = suite.runs

    assert (run.kind if run.outcome is Outcome.ERRORED else run.outcome) == answer.comes_to
    assert suite.exit_code == answer.exit_code
    assert run.measured is answer.measured
    assert contains(run.reason, answer.reason)
    assert contains("\n".join(run.notes), answer.note)
    assert contains(run.hint, answer.hint)
    if answer.shown:
        assert measures(run) == answer.shown
    assert SuiteVerdict.from_json(suite.to_json()) == suite


def test_the_document_is_made_from_the_table() -> None:
    assert FILE.read_text(encoding="utf-8") == document(), "run: python -m tests.verdicts"


def test_each_row_has_a_name_and_an_answer_of_its_own() -> None:
    names = Counter(answer.name for answer in ANSWERS)
    answers = Counter((json.dumps(answer.run, sort_keys=True), answer.unscored) for answer in ANSWERS)
    assert [each for each, count in names.items() if count > 1] == []
    assert [each for each, count in answers.items() if count > 1] == []


def suite_verdict_of(answer: Answer) -> SuiteVerdict:
    """Return the verdict of a suite of one run, of which Cekura gave this answer."""
    planned = replace(PLANNED, unscored=answer.unscored)
    (run,) = read_runs(json.loads(json.dumps([answer.run])))
    observed = Observed(planned, run=run, timeline={"evaluator_joined": 2.0})
    return SuiteVerdict.of(
        [verdict_of(observed)], suite="s", suite_id="1", started_at="2026-11-23T14:00:00+00:00", duration_s=1.0
    )


def measures(run: RunVerdict) -> tuple[str, ...]:
    """Return what the report records of rules, metrics and statements, as ``name: outcome``."""
    return (
        *(f"{rule.name}: {rule.passed}" for rule in run.rubric),
        *(f"{metric.name}: {metric.passed}" for metric in run.metrics),
        *(f"{statement.text}: {statement.outcome}" for statement in run.statements),
    )


def contains(text: str, part: str) -> bool:
    """Return True if the text contains the part; an empty part matches an empty text alone."""
    return part in text if part else not text
