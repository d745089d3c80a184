"""Sentences for what a run was failed by, written once for the verdict's reason and for every report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .run_verdict import Check, Line, Metric, RubricRule, Scalar, Statement


def failures(
    rubric: Sequence[RubricRule] = (),
    metrics: Sequence[Metric] = (),
    statements: Sequence[Statement] = (),
    checks: Sequence[Check] = (),
    *,
    explanation: Sequence[str] = (),
) -> list[str]:
    """Return one sentence for each thing that failed, the one that decides first, and no sentence twice.

    The agent's own checks come first, since its code knows what happened; then rubric rules, metrics, and statements
    that were not met. A metric that a failed rule names is not repeated.

    Args:
        rubric: rules of the project's rubric.
        metrics: metrics of the run.
        statements: statements of the expected outcome.
        checks: checks of the agent's own code.
        explanation: of the expected outcome. A metric explained by the same words gets only those that disapprove.
    """
    shortened = [
        metric.model_copy(update={"explanation": " ".join(disapproving(explanation)[-1:])})
        if explanation and _words(metric.explanation) == _words(" ".join(explanation))
        else metric
        for metric in metrics
    ]
    return list(dict.fromkeys(_failures(rubric, shortened, statements, checks)))


def disapproving(explanation: Sequence[str]) -> list[str]:
    """Return the sentences of an explanation that do not approve: those marked ``❌``, or else all but ``✅``."""
    marked = [each for each in explanation if each.lstrip().startswith("❌")]
    return marked or [each for each in explanation if not each.lstrip().startswith("✅")]


def blocked(statements: Sequence[Statement]) -> list[str]:
    """Return one sentence for each statement that could not be judged."""
    return [
        _sentence(f"could not be judged: {each.text}", each.explanation)
        for each in statements
        if each.outcome == "blocked"
    ]


def exceptions(transcript: Sequence[Line]) -> list[str]:
    """Return ``book_table raised ValueError: no table (menu.py:41)`` for each exception of the agent's tools, once."""
    return list(
        dict.fromkeys(f"{line.name or 'a tool'} raised {exception_of(line)}" for line in transcript if line.exception)
    )


def exception_of(line: Line) -> str:
    """Return ``ValueError: no table (menu.py:41)`` for a tool call that raised; empty for any other line."""
    return line.exception + (f" ({line.place})" if line.exception and line.place else "")


def shown_value(value: Scalar) -> str:
    """Return the value of a rule or a metric as text: ``4.5``, ``3``, ``German``, ``yes``; empty if there is none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)


def _failures(
    rubric: Sequence[RubricRule], metrics: Sequence[Metric], statements: Sequence[Statement], checks: Sequence[Check]
) -> Iterator[str]:
    explanations = {metric.name: metric.explanation for metric in metrics}
    ruled = set()
    for check in checks:
        if not check.ok:
            detail = _words(check.detail)
            yield f"the agent's check failed: {_words(check.name)}" + (f" ({detail})" if detail else "")
    for rule in rubric:
        if rule.passed is False:
            ruled.add(rule.name)
            yield _sentence(_rule(rule), rule.explanation or explanations.get(rule.name, ""))
    for metric in metrics:
        if metric.passed is False and metric.name not in ruled:
            value = shown_value(metric.value if metric.value is not None else metric.score)
            failed = f"metric {metric.name} failed" + (f" with {value}" if value else "")
            yield _sentence(failed, metric.explanation)
    for statement in statements:
        if statement.outcome == "not_met":
            yield _sentence(f"not met: {statement.text}", statement.explanation)


def _rule(rule: RubricRule) -> str:
    value = shown_value(rule.value)
    failed = f"rubric rule {rule.name} failed" + (f" with {value}" if value else "")
    return failed + (f", it requires {rule.conditions}" if rule.conditions else "")


def _sentence(failed: str, explanation: str) -> str:
    explanation = _words(explanation)
    return f"{failed.rstrip('.')}: {explanation}" if explanation else failed


def _words(text: str) -> str:
    return " ".join(text.split())
