"""Checks of a report that its schema cannot express."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from .outcomes import Kind, Outcome
from .pools import PoolVerdict, ScenarioVerdict, outcome_of, pools_of, scenarios_of
from .report_model import ReportModel
from .run_verdict import RunVerdict


def contradictions(
    runs: list[RunVerdict],
    pools: list[PoolVerdict],
    scenarios: list[ScenarioVerdict],
    *,
    outcome: Outcome,
    kind: Kind | None,
    superseded: list[RunVerdict],
) -> Iterator[str]:
    """Yield each part of a report that its runs contradict: ``pools.0.passed: is 2, but its runs make it 1``.

    Args:
        runs: all runs of the report.
        pools: as the report has them.
        scenarios: as the report has them.
        outcome: of the suite, as the report has it.
        kind: of the suite, if it errored as a whole.
        superseded: other attempts at the same cases.
    """
    judged = pools_of(runs, {pool.id: pool.pass_rate for pool in pools}, superseded)
    yield from _differences("pools", pools, judged)
    yield from _differences("scenarios", scenarios, scenarios_of(judged))
    if outcome is not (expected := outcome_of(runs, judged, kind)):
        yield f"outcome: is {outcome}, but its runs make it {expected}"


def not_finite(value: Any, place: str = "") -> Iterator[str]:
    """Yield each Infinity and NaN in a JSON value, with its place. Python reads them, and JSON does not have them."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{place}: {value} is not a finite number"
    elif isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from not_finite(each, f"{place}.{key}".lstrip("."))


def _differences(key: str, written: Sequence[ReportModel], judged: Sequence[ReportModel]) -> Iterator[str]:
    if len(written) != len(judged):
        yield f"{key}: has {len(written)}, but its runs make {len(judged)}"
        return
    for index, (one, other) in enumerate(zip(written, judged, strict=True)):
        for field, found in one:
            expected = getattr(other, field)
            if found != expected:
                yield f"{key}.{index}.{field}: is {found}, but its runs make it {expected}"
