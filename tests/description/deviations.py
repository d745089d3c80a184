"""Differences from Cekura's description that are meant, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Deviation:
    """A difference from the description that is meant.

    Attributes:
        where: a regular expression for the place: ``GET PATH answer 200: /POINTER`` or ``POST PATH request: /POINTER``.
        what: a regular expression for the difference.
        reason: why the stand-in, or our client, differs.
    """

    where: str
    what: str
    reason: str


_RUN: Final = r"(/\d+|/results/\d+|/runs/\w+|)"
"""Pointer to a run: in a bulk read, in a page, in a result, alone."""
DEVIATIONS: Final = (
    Deviation(
        rf"answer 200: {_RUN}/success$",
        "None is not of type 'boolean'",
        "The documentation: `success` is null until the verdict is there, and on runs without one.",
    ),
    Deviation(
        rf"answer 200: {_RUN}/expected_outcome$",
        r"^\{.* is not of type 'string'",
        "The documentation's samples have an object in a run, as the description itself has in a list of runs.",
    ),
    Deviation(
        rf"answer 20[01]: {_RUN}/status$",
        "is not one of",
        "A fault of the stand-in: a status that nobody knows.",
    ),
    Deviation(
        rf"answer 200: {_RUN}/evaluation/metrics/\d+$",
        "'(enum|value|score|type)' is a required property",
        "The documentation: `eval_type` says which of `passed`, `value`, `score` and `enum` a metric has.",
    ),
    Deviation(
        rf"answer 200: {_RUN}/evaluation/metrics/\d+/explanation$",
        "is not of type 'array'",
        "The documentation: an explanation is a list or one string.",
    ),
    Deviation(
        rf"answer 200: {_RUN}/evaluation/metrics/\d+/(value|score|enum)$",
        "is not of type '(string|number)'",
        "The documentation: values are numbers, words or null, by the kind of the metric.",
    ),
    Deviation(
        r"results/{id}/ answer 200: /(total|completed|success|failed)_runs_count$",
        "is not of type 'string'",
        "The documentation's samples have numbers.",
    ),
    Deviation(
        r"results/{id}/ answer 200: /runs$", "is not of type 'object'", "A fault of the stand-in: `result_runs: array`."
    ),
    Deviation(
        r"v2/scenarios/ answer 200: /results/\d+/metric_names$",
        "is not of type 'string'",
        "A list of names in the record of one scenario, and in the documentation's samples of lists.",
    ),
    Deviation(
        r"answer 200: (/results/\d+)?/test_profile_data$",
        "None is not of type 'object'",
        "A scenario without a test profile has `test_profile: null`, which the description allows, and so no data.",
    ),
    Deviation(
        r"POST \S*run_scenarios_livekit\S* answer 201: /runs$",
        "is not of type 'array'",
        "A fault of the stand-in: `start_runs: object`.",
    ),
)
"""All such differences. `operations.OPERATIONS` has those of whole endpoints."""
