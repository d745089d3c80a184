"""Cekura's measurements of a run: rubric rules, metrics by kind, statements of the expected outcome. Pure.

Every field may be missing, of another type, or in the form of an older answer. What cannot be read is left out, and
measures nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from ...verdict import Metric, RubricRule, Statement
from ..json_values import field_of, items_of, number_of, text_of, texts_of

Scalar = bool | int | float | str | None

_YES: Final = frozenset({"yes", "true", "met", "pass", "passed", "aligned"})
_NO: Final = frozenset({"no", "false", "not_met", "not met", "fail", "failed", "not_aligned", "not aligned"})
_OLDER_PASSED: Final = 5.0
"""Score of a binary metric that passed, in older answers; 0 if it failed."""
_BY_SCORE: Final[dict[float, Literal["met", "not_met", "blocked"]]] = {100: "met", 0: "not_met", 50: "blocked"}
"""Judgement of statements that an older answer names without their alignment."""
_PLAIN_NUMBERS: Final = frozenset({"numeric", "continuous_qualitative"})
"""Types of metrics that neither pass nor fail by themselves."""


@dataclass(frozen=True)
class ExpectedOutcome:
    """Evaluation of a scenario's expected outcome.

    Attributes:
        text: the statements joined, or the text of an older answer; may be empty.
        score: 0 to 100. 100: all met; 0: one not met; 50: one blocked, none not met.
        explanation: of the score.
        statements: one by one; none in older answers, which do not say how each was judged.
    """

    text: str = ""
    score: float | None = None
    explanation: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()


def read_rubric(value: Any) -> tuple[RubricRule, ...]:
    """Read a run's ``rubric``: an array of rules, or null where the project has none."""
    return tuple(
        RubricRule(
            name=text_of(each.get("metric_name") or each.get("name") or each.get("metric_id")),
            passed=_yes_or_no(each.get("passed")),
            value=_scalar(each.get("value")),
            conditions=text_of(each.get("conditions") or each.get("expected_conditions")),
            explanation=_lines(each.get("explanation")),
        )
        for each in _objects(value)
    )


def read_metrics(value: Any) -> tuple[Metric, ...]:
    """Read a run's ``evaluation.metrics``, of every kind."""
    return tuple(_metric(each) for each in _objects(value))


def read_expected_outcome(value: Any) -> ExpectedOutcome:
    """Read a run's ``expected_outcome``: an object, an empty object, or a text."""
    if isinstance(value, str):
        parsed = _parsed(value)
        if parsed is None:
            return ExpectedOutcome(text=text_of(value))
        value = parsed
    score = number_of(field_of(value, "score"))
    alignments = list(_objects(field_of(value, "outcome_alignments")))
    texts = [_statement_text(each) for each in alignments]
    outcomes = [_alignment(each, score) for each in alignments]
    return ExpectedOutcome(
        text="; ".join(text for text in texts if text),
        score=score,
        explanation=texts_of(field_of(value, "explanation")),
        statements=tuple(
            Statement(text=text, outcome=outcome, explanation=_lines(each.get("explanation")))
            for each, text, outcome in zip(alignments, texts, outcomes, strict=True)
            if outcome is not None
        ),
    )


def measures(metric: Metric) -> bool:
    """Return True for a metric that passed or failed; a plain number is not a measure."""
    return metric.passed is not None and metric.type not in _PLAIN_NUMBERS


def _metric(each: dict[str, Any]) -> Metric:
    kind = text_of(each.get("eval_type") or each.get("type")).strip().lower()
    score = number_of(each.get("score"))
    passed = _yes_or_no(each.get("passed"))
    if "passed" not in each and "binary" in kind and score in (0.0, _OLDER_PASSED):
        passed = score == _OLDER_PASSED
    return Metric(
        name=text_of(each.get("name") or each.get("metric_name") or each.get("id")),
        type="binary" if "binary" in kind else kind,
        passed=passed,
        value=_metric_value(each, kind),
        score=score,
        explanation=_lines(each.get("explanation")),
    )


def _metric_value(each: dict[str, Any], kind: str) -> Scalar:
    value = each.get("value")
    if kind == "enum" and value in (None, ""):
        value = each.get("enum")
    if kind in _PLAIN_NUMBERS and value in (None, ""):
        value = each.get("score")
    return None if value == "" else _scalar(value)


def _statement_text(each: dict[str, Any]) -> str:
    return text_of(next((each[key] for key in ("outcome", "prompt_part", "statement", "text") if each.get(key)), ""))


def _alignment(each: dict[str, Any], score: float | None) -> Literal["met", "not_met", "blocked"] | None:
    """Return how a statement was judged; None if neither it nor the score says it."""
    if "aligned" in each:
        aligned = _yes_or_no(each["aligned"])
        return "blocked" if aligned is None else "met" if aligned else "not_met"
    return _BY_SCORE.get(score) if score is not None else None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of an array, or of an object keyed by id."""
    values = list(value.values()) if isinstance(value, dict) else value
    return (each for each in items_of(values) if isinstance(each, dict))


def _yes_or_no(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in _YES else False if word in _NO else None


def _scalar(value: Any) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        number = number_of(value)
        return value if number is not None else None
    return text_of(value)


def _lines(value: Any) -> str:
    return text_of("\n".join(texts_of(value)))


def _parsed(text: str) -> Any:
    """Return the object that a text contains as JSON; None for any other text."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
