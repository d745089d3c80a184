"""Parts of a verdict of the stand-in: rubric rules, metrics, statements of the expected outcome, a review.

Part of a scenario file, and of a file of faults. All of it is optional; what is left out follows the conversation::

    verdict:
      rubric:
        - {name: Booking, passed: false, value: 3, conditions: score gte 5, explanation: No table was booked.}
        - {name: Upsell, passed: null}                     # does not apply: skipped
      metrics:
        - Expected Outcome                                 # short for {name: Expected Outcome}
        - {name: Tone, kind: enum, value: polite, passed: true}
      statements:
        - {outcome: A table is booked., aligned: blocked}
      success: false
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ...yaml_files import Duration

EXPECTED_OUTCOME: Final = "Expected Outcome"
"""Cekura's metric that compares a conversation with the scenario's expected outcome."""

Name = Annotated[str, Field(min_length=1)]
Explanation = str | tuple[str, ...]
Value = bool | int | float | str | None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def has(self, name: str) -> bool:
        """Return true for a field that the file sets, also to null."""
        return name in self.model_fields_set


class RubricRule(_Part):
    """One rule of the project's rubric."""

    name: Name
    """Name of its metric."""
    passed: bool | None = None
    """True: met; false: broken; null: does not apply. Default: true if the conversation succeeded, else false."""
    value: Value = None
    """The metric's value, with which the condition was compared."""
    conditions: str = ""
    """The condition in words: ``score gte 5``."""
    explanation: Explanation = ""


class Metric(_Part):
    """One metric that is attached to the scenario."""

    name: Name
    kind: Literal["binary", "enum", "numeric", "qualitative", "score"] = "binary"
    """``score`` is the older form of ``binary``: a score of 5 or 0, and no ``passed``."""
    passed: bool | None = None
    """Of ``binary``, ``enum`` and ``score``. Default: true if the conversation succeeded, else false."""
    value: Value = None
    """Of ``enum``, ``numeric`` and ``qualitative``."""
    explanation: Explanation = ""


class Statement(_Part):
    """One statement of the expected outcome."""

    outcome: Name
    aligned: Value = None
    """Written to the answer as it is: ``true``, ``false``, ``"yes"``, ``"no"``, ``"blocked"`` or null.
    Default: true if the conversation succeeded, else false."""
    explanation: Explanation = ""


def _metric(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


_NamedMetric = Annotated[Metric, BeforeValidator(_metric, json_schema_input_type=Metric | Name)]


class VerdictParts(_Part):
    """Parts of the verdict of a run."""

    rubric: tuple[RubricRule, ...] | None = None
    """Rules of the rubric. Null: the project has none."""
    metrics: tuple[_NamedMetric, ...] = (Metric(name=EXPECTED_OUTCOME),)
    """Metrics that are attached to the scenario. A name alone is a binary metric. ``[]``: nothing is measured."""
    statements: tuple[Statement, ...] | None = None
    """Statements of the expected outcome; scored only where the metric Expected Outcome is attached. Default: those of
    the scenario's ``outcome``."""
    explanation: Explanation | None = None
    """Explanation of the expected outcome. Default: one sentence for each ``hear``."""
    success: bool | None = None
    """The verdict; null: none, ever. Default: all rules hold; without rules, all metrics hold; without metrics, the
    agent came."""
    success_after: Duration | None = None
    """Time from the end of the run for which its verdict is null, and nothing is scored."""
    review: Literal["success", "failure"] | None = None
    """A person's review, which overrides ``success``."""
    mocked_tools: tuple[str, ...] = ()
    """Names of the tools whose calls Cekura's mocks answered."""

    def changed_by(self, other: VerdictParts | None) -> VerdictParts:
        """Return a copy with the fields that the other one sets."""
        if other is None:
            return self
        return self.model_copy(update={name: getattr(other, name) for name in other.model_fields_set})


class Scores:
    """The scores of one conversation, and their JSON in Cekura's answers. Pure.

    Args:
        parts: what is scored.
        talk_succeeded: the evaluator heard all that it waited for.
        agent_came: an agent was there.
        explanation: of the conversation, one sentence for each ``hear``.
        statements: of the scenario's expected outcome, as they were judged; none without one.
    """

    def __init__(
        self,
        parts: VerdictParts,
        *,
        talk_succeeded: bool,
        agent_came: bool,
        explanation: list[str],
        statements: tuple[Statement, ...],
    ) -> None:
        self._parts = parts
        self._talk_succeeded, self._agent_came = talk_succeeded, agent_came
        self._explanation, self._judged = explanation, statements

    @property
    def success(self) -> bool | None:
        """Cekura's verdict: of the rules; without rules, of the metrics; without metrics, of the call's completion."""
        if self._parts.has("success"):
            return self._parts.success
        if self._parts.rubric:
            return all(self._passed(rule) is not False for rule in self._parts.rubric)
        judged = [metric for metric in self._parts.metrics if metric.kind in ("binary", "enum", "score")]
        if judged:
            return all(self._passed(metric) is not False for metric in judged)
        return self._agent_came

    def rubric(self) -> list[dict[str, Any]] | None:
        """Return a run's ``rubric``."""
        if self._parts.rubric is None:
            return None
        return [
            {
                "metric_id": 100 + place,
                "metric_name": rule.name,
                "value": rule.value,
                "explanation": _texts(rule.explanation),
                "passed": self._passed(rule),
                "conditions": rule.conditions,
                "expected_conditions": _condition(rule.conditions),
            }
            for place, rule in enumerate(self._parts.rubric)
        ]

    def metrics(self) -> list[dict[str, Any]]:
        """Return a run's ``evaluation.metrics``."""
        return [self._metric(metric, 100 + place) for place, metric in enumerate(self._parts.metrics)]

    def expected_outcome(self) -> dict[str, Any]:
        """Return a run's ``expected_outcome``: empty unless the metric Expected Outcome is attached."""
        statements = self._statements()
        if not statements:
            return {}
        aligned = [self._aligned(statement) for statement in statements]
        blocked = any(each not in (True, False, "yes", "no") for each in aligned)
        score = 0.0 if any(each in (False, "no") for each in aligned) else 50.0 if blocked else 100.0
        explanation = self._explanation if self._parts.explanation is None else _texts(self._parts.explanation)
        return {
            "score": score,
            "explanation": explanation,
            "outcome_alignments": [
                {"outcome": statement.outcome, "prompt_part": statement.outcome, "aligned": each}
                | ({"explanation": _texts(statement.explanation)} if statement.explanation else {})
                for statement, each in zip(statements, aligned, strict=True)
            ],
        }

    def _statements(self) -> tuple[Statement, ...]:
        if all(metric.name != EXPECTED_OUTCOME for metric in self._parts.metrics):
            return ()
        if self._parts.statements is not None:
            return self._parts.statements
        return self._judged

    def _aligned(self, statement: Statement) -> Value:
        return statement.aligned if statement.has("aligned") else self._talk_succeeded

    def _passed(self, part: RubricRule | Metric) -> bool | None:
        if part.has("passed"):
            return part.passed
        if isinstance(part, Metric) and part.name == EXPECTED_OUTCOME:
            aligned = [self._aligned(statement) for statement in self._statements()]
            if any(each in (False, "no") for each in aligned):
                return False
            return True if all(each in (True, "yes") for each in aligned) and aligned else None
        return self._talk_succeeded

    def _metric(self, metric: Metric, metric_id: int) -> dict[str, Any]:
        common = {"id": metric_id, "name": metric.name, "explanation": self._explanation_of(metric), "extra": {}}
        passed, value = self._passed(metric), metric.value
        match metric.kind:
            case "binary":
                return common | {"eval_type": "binary", "passed": passed}
            case "enum":
                return common | {"eval_type": "enum", "enum": value, "value": value, "passed": passed}
            case "numeric":
                return common | {"eval_type": "numeric", "value": value}
            case "qualitative":
                return common | {"eval_type": "continuous_qualitative", "score": value}
            case "score":
                score = None if passed is None else 5.0 if passed else 0.0
                return common | {"type": "binary_workflow_adherence", "score": score, "enum": "", "value": ""}

    def _explanation_of(self, metric: Metric) -> str | list[str]:
        if metric.explanation:
            return metric.explanation if isinstance(metric.explanation, str) else list(metric.explanation)
        return list(self._explanation) if metric.name == EXPECTED_OUTCOME else []


def _texts(explanation: Explanation) -> list[str]:
    if isinstance(explanation, str):
        return [explanation] if explanation else []
    return list(explanation)


def _condition(words: str) -> dict[str, Any]:
    """Return ``{"score": {"gte": 5}}`` for ``score gte 5``."""
    field, _, rest = words.partition(" ")
    operator, _, value = rest.partition(" ")
    return {field: {operator: value}} if value else {}
