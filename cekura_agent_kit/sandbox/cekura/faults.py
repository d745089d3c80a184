"""Faults of the stand-in for Cekura's API, on request: for tests of how a pipeline handles failures.

In Python or as a YAML file (``cekura-kit sandbox --faults F``)::

    starts:                       # by the number of the request, from 1: "2", "2-5", "3-" or "all"
      "1": {lost: true}             # runs are started, the connection is closed without an answer
      "2": {status: 503, body: "<html>Bad gateway</html>"}
    reads:
      "1-3": {status: 429, headers: {Retry-After: "1"}}
      "5": {truncated: true}
    runs:                         # by scenario ("30"), its nth start ("30#2") or "all"
      "30": {evaluator: never}
      "31#2": {ends: failed, error_message: Out of credit}
      "32": {verdict: {success_after: 5s}}
    reversed: true
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict

from ...errors import ScenarioError
from ...yaml_files import WHOLE, Duration, load
from .verdict_parts import VerdictParts

ALL: Final = "all"
_SPAN: Final = r"^(all|[1-9][0-9]*(-([1-9][0-9]*)?)?)$"
_RUN: Final = r"^(all|[0-9]+(#[1-9][0-9]*)?)$"


def _text_keys(value: object) -> object:
    """Make the keys of a mapping text: YAML reads ``30:`` as a number."""
    return {str(key): each for key, each in value.items()} if isinstance(value, Mapping) else value


def _request_span(text: str) -> str:
    if not re.fullmatch(_SPAN, text):
        raise ValueError(f"{text!r} is not a number of a request: write 2, 2-5, 3- or {ALL}")
    return text


def _run_name(text: str) -> str:
    if not re.fullmatch(_RUN, text):
        raise ValueError(f"{text!r} names no run: write a scenario's id, its nth start as 30#2, or {ALL}")
    return text


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Answer(_Model):
    """Changes to the answer to one request."""

    done: bool | None = None
    """The request has its effect. Default: true, and false with ``status``."""
    delay: Duration | None = None
    """Time for which the answer is held back, after the effect."""
    lost: bool = False
    """Close the connection without an answer."""
    status: Annotated[int, Strict(), Field(ge=200, le=599), WHOLE] | None = None
    """HTTP status in place of the right one."""
    headers: dict[str, str] = {}
    """Additional headers."""
    body: str | None = None
    """Body in place of the right one."""
    truncated: bool = False
    """Send half of the body, then close the connection."""
    malformed: bool = False
    """Send a body that is not JSON."""

    @property
    def is_done(self) -> bool:
        """True if the request has its effect."""
        return self.status is None if self.done is None else self.done


class RunFault(_Model):
    """Faults of one run."""

    evaluator: Literal["talks", "never", "leaves", "silent"] = "talks"
    """``never``: does not join. ``leaves``: leaves at once. ``silent``: says nothing until the run is ended."""
    queue: Duration | None = None
    """Time in the queue."""
    late: Duration | None = None
    """Time from the start of the run until the evaluator joins."""
    scoring: Duration | None = None
    """Time in the status ``evaluating``."""
    status: str | None = None
    """Status that is shown until the run is final."""
    ends: str | None = None
    """Final status in place of ``completed``: ``failed``, ``timeout``, ``cancelled`` or any word. No verdict."""
    error_message: str = ""
    """The run's error message, with ``ends``."""
    unjudged: bool = False
    """Nothing is scored, and ``success`` stays null."""
    verdict: VerdictParts | None = None
    """Parts of the verdict; they replace keys of the scenario's own ``verdict``."""
    missing_from_bulk: bool = False
    """Leave the run out of bulk reads."""


_Answers = Annotated[
    dict[Annotated[str, AfterValidator(_request_span)], Answer],
    BeforeValidator(_text_keys),
    Field(json_schema_extra={"propertyNames": {"pattern": _SPAN}}),
]
_RunFaults = Annotated[
    dict[Annotated[str, AfterValidator(_run_name)], RunFault],
    BeforeValidator(_text_keys),
    Field(json_schema_extra={"propertyNames": {"pattern": _RUN}}),
]


class Faults(_Model):
    """All faults. Default: none."""

    starts: _Answers = {}
    """Answers to POSTs that start runs, by number."""
    reads: _Answers = {}
    """Answers to GETs of runs and results, by number."""
    scenarios: _Answers = {}
    """Answers to GETs of scenarios, by number."""
    ends: _Answers = {}
    """Answers to POSTs that end calls, by number."""
    runs: _RunFaults = {}
    """Faults of runs, by scenario."""
    reversed: bool = False
    """Reverse the order of runs in lists."""
    start_runs: Literal["array", "object", "none"] = "array"
    """Shape of ``runs`` in the answer to a start. ``none``: start nothing, and answer with an empty array."""
    result_runs: Literal["object", "array"] = "object"
    """Shape of ``runs`` in a result."""
    scenario_pages: Literal["right", "repeated", "endless"] = "right"
    """Pages of the list of scenarios. ``repeated``: each is the first one. ``endless``: each has new scenarios."""
    without: tuple[str, ...] = ()
    """Fields that are left out of each run."""
    extra: dict[str, Any] = {}
    """Fields that are added to, or replaced in, each run."""

    def run(self, scenario: int, nth: int) -> RunFault:
        """Return the faults of the nth run of a scenario; the most specific name wins."""
        names = (f"{scenario}#{nth}", str(scenario), ALL)
        return next((self.runs[name] for name in names if name in self.runs), RunFault())


def answer_for(answers: Mapping[str, Answer], nth: int) -> Answer:
    """Return the changes to the answer to the nth request of its kind; the first matching entry wins."""
    return next((answer for span, answer in answers.items() if _covers(span, nth)), Answer())


def load_faults(path: Path) -> Faults:
    """Read a file of faults.

    Raises:
        ScenarioError: the file is missing, is not YAML, or does not fit; with file and line.
    """
    return load(path, Faults, error=ScenarioError)


def _covers(span: str, nth: int) -> bool:
    if span == ALL:
        return True
    first, dash, last = span.partition("-")
    return int(first) <= nth <= (int(last) if last else nth if dash else int(first))
