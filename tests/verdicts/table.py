"""Every form of an answer of Cekura's about a run, and its verdict. Tests check each row; docs/verdicts.md shows them.

``python -m tests.verdicts`` writes the document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cekura_agent_kit.trigger.plan.suite_values import Unscored
from cekura_agent_kit.verdict import Kind

PASSED: Final = "passed"
FAILED: Final = "failed"

NOTHING: Final = "measured nothing"
BLOCKED: Final = "could not judge the expected outcome"
ATTACH: Final = "attach a metric, a rubric rule or an expected outcome"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One row.

    Attributes:
        part: kind of the answer; a heading of the document.
        what: the answer in words.
        fields: of the run, over ``{"status": "completed", "success": true}``.
        comes_to: passed, failed, or the kind of errored.
        reason: part of the reason; the reason is empty if this is.
        note: part of a note; there is no note if this is empty.
        hint: part of the hint; the hint is empty if this is.
        shown: what the report records of the measures, as ``name: outcome``.
        measured: as the report records it; None if Cekura did not complete the run.
        unscored: the suite's key.
    """

    part: str
    what: str
    fields: Mapping[str, Any]
    comes_to: str
    measured: bool | None
    reason: str = ""
    note: str = ""
    hint: str = ""
    shown: tuple[str, ...] = ()
    unscored: Unscored = "error"

    def __post_init__(self) -> None:
        assert self.reason or self.comes_to == PASSED, f"{self.what}: no reason to look for"
        assert self.hint or self.comes_to in (PASSED, FAILED), f"{self.what}: no hint to look for"

    @property
    def name(self) -> str:
        """For pytest's command line."""
        return re.sub(r"\W+", "-", f"{self.part} {self.what}").strip("-")

    @property
    def exit_code(self) -> int:
        """By law: 0 for passed, 1 for failed, 2 for errored."""
        return {PASSED: 0, FAILED: 1}.get(self.comes_to, 2)

    @property
    def run(self) -> dict[str, Any]:
        """The run as Cekura answers it."""
        return {"id": 70011, "scenario": 30, "status": "completed", "success": True} | dict(self.fields)


def _rule(passed: bool | None, name: str = "Upsell") -> dict[str, Any]:
    value = {True: 5, False: 2, None: None}[passed]
    rule = {"metric_id": 7, "metric_name": name, "value": value, "passed": passed, "conditions": "score gte 4"}
    return rule | {"explanation": ["No dessert was offered."] if passed is False else []}


def _rubric(what: str, *passed: bool | None, success: bool = True, **rest: Any) -> Answer:
    rules = [_rule(each, f"Rule {number}") for number, each in enumerate(passed, 1)]
    shown = tuple(f"{rule['metric_name']}: {rule['passed']}" for rule in rules)
    return Answer(part="Rubric", what=what, fields={"success": success, "rubric": rules}, shown=shown, **rest)


def _metric(what: str, metric: Mapping[str, Any], *, reads: bool | None, success: bool = True, **rest: Any) -> Answer:
    fields = {"success": success, "evaluation": {"metrics": [{"id": 3, "name": "Tone", **metric}]}}
    return Answer(part="Metrics", what=what, fields=fields, shown=(f"Tone: {reads}",), **rest)


def _statement(aligned: Any, *, reads: str, **rest: Any) -> Answer:
    success = reads != "not_met"
    score = {"met": 100, "not_met": 0, "blocked": 50}[reads]
    alignment = {"outcome": "A table is booked.", "aligned": aligned}
    outcome = {"score": score, "explanation": [], "outcome_alignments": [alignment]}
    words = {"met": "met", "not_met": "not met", "blocked": "blocked"}[reads]
    return Answer(
        part="Expected outcome",
        what=f"a statement is {words}, written `{_json(aligned)}`",
        fields={"success": success, "expected_outcome": outcome},
        shown=(f"A table is booked.: {reads}",),
        measured=reads != "blocked",
        **rest,
    )


def _outcome(what: str, value: Any, **rest: Any) -> Answer:
    success = rest.pop("success", True)
    return Answer(part="Expected outcome", what=what, fields={"success": success, "expected_outcome": value}, **rest)


def _review(what: str, word: str, fields: Mapping[str, Any], **rest: Any) -> Answer:
    return Answer(part="Review by a person", what=what, fields={"evaluation_status": word} | dict(fields), **rest)


def _status(what: str, fields: Mapping[str, Any], comes_to: str, **rest: Any) -> Answer:
    return Answer(part="Status", what=what, fields=fields, comes_to=comes_to, **rest)


def _json(value: Any) -> str:
    return {True: "true", False: "false", None: "null"}[value] if value is None or value in (True, False) else value


_UNSCORED: Final[dict[str, Any]] = {"comes_to": Kind.UNSCORED, "measured": False, "hint": ATTACH}
_TONE: Final = {"evaluation": {"metrics": [{"name": "Tone", "eval_type": "binary", "passed": True}]}}
_RUDE: Final = {"evaluation": {"metrics": [{"name": "Tone", "eval_type": "binary", "passed": False}]}}

RUBRIC: Final = (
    _rubric("each rule is met", True, True, comes_to=PASSED, measured=True),
    _rubric(
        "a rule is broken",
        True,
        False,
        success=False,
        comes_to=FAILED,
        measured=True,
        reason="rubric rule Rule 2 failed with 2, it requires score gte 4: No dessert was offered.",
    ),
    _rubric("one rule is met, one skipped", True, None, comes_to=PASSED, measured=True),
    _rubric(
        "one rule is broken, one skipped",
        False,
        None,
        success=False,
        comes_to=FAILED,
        measured=True,
        reason="rubric rule Rule 1 failed",
    ),
    _rubric("all rules are skipped", None, None, reason=NOTHING, **_UNSCORED),
    _rubric(
        "all rules are met, and success is false",
        True,
        success=False,
        comes_to=FAILED,
        measured=True,
        reason="Cekura judged it as failed",
    ),
    Answer(
        part="Rubric",
        what="a rule is broken, and the expected outcome was met",
        fields={
            "success": False,
            "rubric": [_rule(False)],
            "expected_outcome": {
                "score": 100,
                "explanation": ["✅ done"],
                "outcome_alignments": [{"outcome": "A table is booked.", "aligned": True}],
            },
        },
        comes_to=FAILED,
        measured=True,
        reason="rubric rule Upsell failed",
        shown=("Upsell: False", "A table is booked.: met"),
    ),
)

METRICS: Final = (
    _metric("binary, passed", {"eval_type": "binary", "passed": True}, reads=True, comes_to=PASSED, measured=True),
    _metric(
        "binary, failed",
        {"eval_type": "binary", "passed": False},
        reads=False,
        success=False,
        comes_to=FAILED,
        measured=True,
        reason="metric Tone failed",
    ),
    _metric("binary, null", {"eval_type": "binary", "passed": None}, reads=None, reason=NOTHING, **_UNSCORED),
    _metric(
        "binary, failed, and success is true",
        {"eval_type": "binary", "passed": False},
        reads=False,
        comes_to=PASSED,
        measured=True,
    ),
    _metric(
        "enum, passed",
        {"eval_type": "enum", "enum": "polite", "value": "", "passed": True},
        reads=True,
        comes_to=PASSED,
        measured=True,
    ),
    _metric(
        "enum, failed",
        {"eval_type": "enum", "value": "rude", "passed": False},
        reads=False,
        success=False,
        comes_to=FAILED,
        measured=True,
        reason="metric Tone failed with rude",
    ),
    _metric("enum, a value only", {"eval_type": "enum", "value": "polite"}, reads=None, reason=NOTHING, **_UNSCORED),
    _metric("numeric, a plain number", {"eval_type": "numeric", "value": 4}, reads=None, reason=NOTHING, **_UNSCORED),
    _metric(
        "qualitative, a plain score",
        {"eval_type": "continuous_qualitative", "score": 4.5},
        reads=None,
        reason=NOTHING,
        **_UNSCORED,
    ),
    _metric(
        "older binary, score 5",
        {"type": "binary_workflow_adherence", "score": 5},
        reads=True,
        comes_to=PASSED,
        measured=True,
    ),
    _metric(
        "older binary, score 0",
        {"type": "binary_workflow_adherence", "score": 0},
        reads=False,
        success=False,
        comes_to=FAILED,
        measured=True,
        reason="metric Tone failed",
    ),
    _metric("older, a score and no type", {"score": 5}, reads=None, reason=NOTHING, **_UNSCORED),
)

OUTCOME: Final = (
    *(_statement(word, reads="met", comes_to=PASSED) for word in (True, "yes", "Yes")),
    *(
        _statement(word, reads="not_met", comes_to=FAILED, reason="not met: A table is booked.")
        for word in (False, "no")
    ),
    *(
        _statement(word, reads="blocked", comes_to=Kind.UNSCORED, reason=BLOCKED, hint=ATTACH)
        for word in ("blocked", None)
    ),
    _outcome(
        "one statement is met, one blocked",
        {
            "score": 50,
            "outcome_alignments": [
                {"outcome": "Booked.", "aligned": True},
                {"outcome": "Polite.", "aligned": "blocked"},
            ],
        },
        comes_to=Kind.UNSCORED,
        measured=True,
        reason=BLOCKED,
        hint=ATTACH,
        shown=("Booked.: met", "Polite.: blocked"),
    ),
    _outcome("score 100, no statements", {"score": 100}, comes_to=PASSED, measured=True),
    _outcome(
        "score 0, and an explanation",
        {"score": 0, "explanation": ["✅ polite", "❌ no table"]},
        success=False,
        comes_to=FAILED,
        measured=True,
        reason="❌ no table",
    ),
    _outcome("score 50, no statements", {"score": 50}, reason=BLOCKED, **_UNSCORED),
    _outcome("an empty object", {}, reason=NOTHING, **_UNSCORED),
    _outcome("a text, as in older answers", "A table is booked.", reason=NOTHING, **_UNSCORED),
    _outcome(
        "only approving sentences, and success is false",
        {"explanation": ["✅ done"]},
        success=False,
        comes_to=FAILED,
        measured=False,
        reason="Cekura judged it as failed",
    ),
)

NOTHING_SCORED: Final = (
    Answer(part="Nothing scored", what="`unscored: error`", fields={}, reason=NOTHING, **_UNSCORED),
    Answer(
        part="Nothing scored",
        what="`unscored: warn`",
        fields={},
        unscored="warn",
        comes_to=PASSED,
        measured=False,
        note="unscored: Cekura reports success, and measured nothing",
    ),
    Answer(part="Nothing scored", what="`unscored: pass`", fields={}, unscored="pass", comes_to=PASSED, measured=False),
    Answer(
        part="Nothing scored",
        what="success is false, with an error",
        fields={"success": False, "error_message": "The conversation ended early"},
        comes_to=FAILED,
        measured=False,
        reason="The conversation ended early",
    ),
    Answer(
        part="Nothing scored",
        what="tools were mocked, nothing else",
        fields={"mocked_tool_names": ["book"]},
        reason=NOTHING,
        **_UNSCORED,
    ),
)

REVIEWS: Final = (
    _review(
        "passed, over a success", "reviewed_success", _TONE, comes_to=PASSED, measured=True, note="reviewed this run as"
    ),
    _review(
        "passed, over a fail",
        "reviewed_success",
        {"success": False} | _RUDE,
        comes_to=PASSED,
        measured=True,
        note="a person reviewed this run as passed",
    ),
    _review(
        "passed, and nothing was measured",
        "reviewed_success",
        {},
        comes_to=PASSED,
        measured=False,
        note="a person reviewed this run as passed",
    ),
    _review(
        "passed, and success is null",
        "reviewed_success",
        {"success": None},
        comes_to=PASSED,
        measured=False,
        note="a person reviewed this run as passed",
    ),
    _review(
        "failed, over a success",
        "reviewed_failure",
        _TONE,
        comes_to=FAILED,
        measured=True,
        reason="a person judged it as failed",
        note="a person reviewed this run as failed",
    ),
    _review(
        "failed, over a fail",
        "reviewed_failure",
        {"success": False} | _RUDE,
        comes_to=FAILED,
        measured=True,
        reason="metric Tone failed",
        note="a person reviewed this run as failed",
    ),
)

STATUSES: Final = (
    _status(
        "completed, success null for good",
        {"success": None},
        Kind.RUN_FAILED,
        measured=False,
        reason="Cekura completed the run, and gave no verdict",
        hint="read the run's page on Cekura",
    ),
    *(
        _status(
            f"{word}, whatever success is",
            {"status": word, "success": True, "error_message": "it broke"} | _TONE,
            Kind.RUN_FAILED,
            measured=None,
            reason=f"Cekura ended the run as {word}: it broke",
            hint="read the run's page on Cekura",
        )
        for word in ("failed", "timeout", "cancelled")
    ),
    _status(
        "failed, as no agent answered",
        {"status": "failed", "success": None, "error_message": "Main agent-did-not-answer"},
        Kind.RUN_FAILED,
        measured=None,
        reason="Main agent-did-not-answer",
        hint="lower `concurrency`",
    ),
    *(
        _status(
            f"{what}, until the run's timeout",
            {"status": word, "success": None},
            Kind.TIMEOUT,
            measured=None,
            reason="no verdict came",
            hint="raise `timeout` in the suite",
        )
        for what, word in (("evaluating", "evaluating"), ("an unknown word", "pondering"))
    ),
)

ANSWERS: Final = RUBRIC + METRICS + OUTCOME + NOTHING_SCORED + REVIEWS + STATUSES
