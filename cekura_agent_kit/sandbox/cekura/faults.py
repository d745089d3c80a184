"""How the stand-in for Cekura's API misbehaves, when it is told to: for tests of a pipeline's own failures.

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
    reversed: true
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ...errors import ScenarioError
from ...yaml_files import Duration, load

ALL: Final = "all"


def _plain(keys: object) -> object:
    """YAML reads ``30:`` as a number; keys here are text."""
    return {str(key): value for key, value in keys.items()} if isinstance(keys, Mapping) else keys


def _span(text: str) -> str:
    if text != ALL and not re.fullmatch(r"[1-9]\d*(-([1-9]\d*)?)?", text):
        raise ValueError(f"{text!r} is no number of a request: write 2, 2-5, 3- or {ALL}")
    return text


def _case(text: str) -> str:
    if text != ALL and not re.fullmatch(r"\d+(#[1-9]\d*)?", text):
        raise ValueError(f"{text!r} names no run: write a scenario's id, its nth start as 30#2, or {ALL}")
    return text


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Answer(_Model):
    """How one request is answered. What is not said stays as it should be."""

    done: bool | None = None
    """Whether what was asked for is done; by default it is, unless ``status`` is given."""
    delay: Duration | None = None
    """The answer is held back for so long, after it was done."""
    lost: bool = False
    """The connection is closed without an answer."""
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    """The HTTP status in place of the right one."""
    headers: dict[str, str] = {}
    body: str | None = None
    """The body in place of the right one, word for word."""
    truncated: bool = False
    """Half of the body comes, then the connection is closed."""
    malformed: bool = False
    """The body comes whole, and is no JSON."""

    @property
    def is_done(self) -> bool:
        """Whether the request has its effect."""
        return self.status is None if self.done is None else self.done


class RunFault(_Model):
    """How one run goes wrong."""

    evaluator: Literal["talks", "never", "leaves", "silent"] = "talks"
    """``never`` comes, ``leaves`` as soon as it came, or stays and is ``silent`` until the run is ended."""
    queue: Duration | None = None
    """How long the run is queued."""
    late: Duration | None = None
    """How long after its run began to run the evaluator joins."""
    scoring: Duration | None = None
    """How long the run is ``evaluating``."""
    status: str | None = None
    """The word shown as the status while the run goes on."""
    ends: str | None = None
    """The final status in place of ``completed``: ``failed``, ``timeout``, ``cancelled`` or any word; no verdict."""
    error_message: str = ""
    """The run's error message, with ``ends``."""
    unjudged: bool = False
    """``success`` stays null."""
    missing_from_bulk: bool = False
    """Bulk reads leave this run out."""


_Answers = Annotated[dict[Annotated[str, AfterValidator(_span)], Answer], BeforeValidator(_plain)]
_RunFaults = Annotated[dict[Annotated[str, AfterValidator(_case)], RunFault], BeforeValidator(_plain)]


class Faults(_Model):
    """All that goes wrong. Without any of it the stand-in behaves as documented."""

    starts: _Answers = {}
    """POSTs that start runs, by number."""
    reads: _Answers = {}
    """GETs, by number."""
    ends: _Answers = {}
    """POSTs that end calls, by number."""
    runs: _RunFaults = {}
    reversed: bool = False
    """Runs in lists come in the opposite order."""
    start_runs: Literal["array", "object", "none"] = "array"
    """The shape of ``runs`` in the reply to a start; ``none`` starts nothing and replies with an empty array."""
    result_runs: Literal["object", "array"] = "object"
    """The shape of ``runs`` in a result that is read."""
    without: tuple[str, ...] = ()
    """Fields that no run carries when it is read."""
    extra: dict[str, Any] = {}
    """Fields that each run carries when it is read, in addition or in place of the right ones."""

    def run(self, scenario: int, nth: int) -> RunFault:
        """What goes wrong with the nth run of a scenario; the closest name wins."""
        names = (f"{scenario}#{nth}", str(scenario), ALL)
        return next((self.runs[name] for name in names if name in self.runs), RunFault())


def answer_for(answers: Mapping[str, Answer], nth: int) -> Answer:
    """How the nth request of its kind is answered; the first entry that covers it wins."""
    return next((answer for span, answer in answers.items() if _covers(span, nth)), Answer())


def load_faults(path: Path) -> Faults:
    """Read a file of faults.

    Raises:
        ScenarioError: it is missing, no YAML, or holds something else; with file and line.
    """
    return load(path, Faults, error=ScenarioError)


def _covers(span: str, nth: int) -> bool:
    if span == ALL:
        return True
    first, dash, last = span.partition("-")
    return int(first) <= nth <= (int(last) if last else nth if dash else int(first))
