"""A pytest plugin: every answer of the stand-in, and every request to it, is compared with Cekura's own description.

``data/cekura-openapi.json`` is Cekura's description of its API (a copy of 2026-08-21, without prose). A test in
which an answer or a request differs from it fails, unless `DEVIATIONS` names the difference. The end of the test run
shows how many answers were compared, and how many of the deviations were met.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from cekura_agent_kit.sandbox.cekura.service import CekuraService

try:
    from jsonschema import Draft202012Validator, FormatChecker
except ImportError:
    if os.environ.get("CI"):
        raise
    INSTALLED = False
else:
    INSTALLED = True

DESCRIPTION: Final = Path(__file__).parent / "data" / "cekura-openapi.json"
V1: Final = "/test_framework/v1"
V2: Final = "/test_framework/v2"


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
"""All differences that are meant, each with its reason. `OPERATIONS` has those of whole endpoints."""


@dataclass(frozen=True)
class Operation:
    """One endpoint, and where it is described.

    Attributes:
        method, pattern: of the endpoint.
        described_as: path in the description; empty for one that is not in it.
        answer, request: schemas in place of the description's.
        reason: why it differs.
    """

    method: str
    pattern: str
    described_as: str = ""
    answer: Mapping[str, Any] | None = None
    request: Mapping[str, Any] | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """Method and path."""
        return f"{self.method} {self.pattern}"

    def fits(self, method: str, path: str) -> bool:
        """Return true for a request to this endpoint."""
        return method == self.method and re.fullmatch(self.pattern.replace("{id}", r"[^/]+"), path) is not None


_ENTRY: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["scenario", "livekit_room_url", "access_token"],
    "additionalProperties": False,
}
_ENTRY_FIELDS: Final[dict[str, Any]] = {
    "scenario": {"type": "integer"},
    "livekit_room_url": {"type": "string", "pattern": "^wss?://"},
    "access_token": {"type": "string", "minLength": 1},
}
_STARTED: Final = {
    "type": "object",
    "required": ["id", "agent", "status", "run_as_text", "runs", "created_at"],
    "properties": {
        "id": {"type": "integer"},
        "agent": {"type": "integer"},
        "status": {"$ref": "#/components/schemas/ResultDetailV2/properties/status"},
        "run_as_text": {"type": "boolean"},
        "created_at": {"type": "string", "format": "date-time"},
        "runs": {"type": "array", "items": {"$ref": "#/components/schemas/Run"}},
    },
}


def _start_body(*, text: bool) -> dict[str, Any]:
    entry = dict(_ENTRY, properties=_ENTRY_FIELDS | ({"publish_data_message": {"type": "object"}} if text else {}))
    properties = {"scenarios": {"type": "array", "minItems": 1, "items": entry}}
    return {
        "type": "object",
        "required": ["scenarios"],
        "additionalProperties": False,
        "properties": properties | ({"agent": {"type": "integer"}} if text else {}),
    }


_START_REASON: Final = (
    "The description has a scenario for body and answer; the documentation of the endpoint lists the fields and has a "
    "sample of a result with an array of runs."
)
OPERATIONS: Final = (
    Operation(
        "POST",
        f"{V1}/scenarios-external/run_scenarios_livekit/",
        answer=_STARTED,
        request=_start_body(text=False),
        reason=_START_REASON,
    ),
    Operation(
        "POST",
        f"{V1}/scenarios-external/run_scenarios_livekit_chat/",
        answer=_STARTED,
        request=_start_body(text=True),
        reason=_START_REASON,
    ),
    Operation("GET", f"{V2}/runs/bulk/", f"{V2}/runs/bulk/"),
    Operation("GET", f"{V2}/runs/{{id}}/", f"{V2}/runs/{{id}}/"),
    Operation("GET", f"{V2}/runs/", f"{V2}/runs/"),
    Operation("GET", f"{V2}/results/{{id}}/", f"{V2}/results/{{id}}/"),
    Operation(
        "GET",
        f"{V2}/scenarios/tags/",
        f"{V2}/scenarios/tags/",
        answer={"type": "array", "items": {"type": "string"}},
        reason="The description has a scenario for an answer, which a list of all tags cannot be.",
    ),
    Operation("GET", f"{V2}/scenarios/folders/", f"{V2}/scenarios/folders/"),
    Operation("GET", f"{V2}/scenarios/{{id}}/", f"{V2}/scenarios/{{id}}/"),
    Operation("GET", f"{V2}/scenarios/", f"{V2}/scenarios/"),
    Operation(
        "GET",
        f"{V1}/scenarios/{{id}}/",
        f"{V2}/scenarios/{{id}}/",
        reason="Not in the description; Cekura's own SDK reads it.",
    ),
    Operation(
        "POST",
        f"{V2}/runs/{{id}}/end_call/",
        f"{V1}/runs-external/{{id}}/end_call/",
        reason="Described under v1 alone; the documentation has it under v2.",
    ),
    Operation(
        "POST",
        f"{V2}/results/{{id}}/end_calls/",
        f"{V1}/results-external/{{id}}/end_calls/",
        reason="Described under v1 alone; the documentation has it under v2.",
    ),
)
_ERRORS: Final[Mapping[int, Any]] = {
    400: {
        "anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": ["array", "object"]}},
        ]
    },
    **{status: {"type": "object", "required": ["detail"]} for status in (401, 403, 404, 405)},
}
"""Bodies of errors, as the documentation has them."""

findings: Final[list[str]] = []
"""Differences that no deviation names."""
counts: Final[Counter[str]] = Counter()
"""Answers, requests, and uses of each deviation and of each operation with a reason."""


def _repaired(schema: Any) -> Any:
    """Return the description as its authors mean it, where a validator reads it otherwise.

    ``nullable`` is of OpenAPI 3.0, the rest of 3.1. ``oneOf: [{}, null]`` fits no null: null fits both.
    """
    if isinstance(schema, list):
        return [_repaired(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if {} in schema.get("oneOf", []):
        return {}
    repaired = {key: _repaired(value) for key, value in schema.items()}
    if repaired.pop("nullable", False) is True:
        repaired["type"] = [repaired["type"], "null"]
    return repaired


@functools.cache
def _description() -> dict[str, Any]:
    described: dict[str, Any] = _repaired(json.loads(DESCRIPTION.read_text()))
    return described


_formats: Any = FormatChecker(formats=()) if INSTALLED else None


def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value))


if INSTALLED:
    _formats.checks("date-time", raises=ValueError)(_is_date_time)


@functools.lru_cache
def _validator(schema: str) -> Any:
    root = json.loads(schema) | {"components": _description()["components"]}
    return Draft202012Validator(root, format_checker=_formats)


def differences(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, str]]:
    """Yield the place, as a JSON pointer, and the text of each difference between a value and a schema."""
    for error in _validator(json.dumps(schema)).iter_errors(value):
        yield "".join(f"/{each}" for each in error.absolute_path), error.message


def _note(where: str, what: str) -> None:
    for deviation in DEVIATIONS:
        if re.search(deviation.where, where) and re.search(deviation.what, what, re.DOTALL):
            counts[f"{deviation.where}: {deviation.what}"] += 1
            return
    findings.append(f"{where}: {what[:300]}")


def _check_query(operation: Operation, request: web.Request) -> None:
    described: Mapping[str, Any] = {}
    if operation.described_as:
        described = _description()["paths"][operation.described_as][request.method.lower()]
    known = {each["name"]: each["schema"] for each in described.get("parameters") or () if each["in"] == "query"}
    for name, text in request.query.items():
        where = f"{operation.name} request: ?{name}"
        if name not in known:
            _note(where, "not in the description")
            continue
        value: Any = text
        if known[name].get("type") == "integer":
            value = int(text) if text.isdigit() else text
        elif known[name].get("type") == "array":
            value = text.split(",")
        for _, what in differences(known[name], value):
            _note(where, what)


def _answer_schema(operation: Operation, status: int) -> Mapping[str, Any] | None:
    if status in _ERRORS:
        schema: Mapping[str, Any] = _ERRORS[status]
        return schema
    if operation.answer is not None:
        return operation.answer
    described = _description()["paths"][operation.described_as][operation.method.lower()]["responses"]
    content = described.get(str(status), {}).get("content")
    found: Mapping[str, Any] | None = content["application/json"]["schema"] if content else None
    return found


def check(service: CekuraService, request: web.Request, body: bytes, response: web.StreamResponse) -> None:
    """Compare one request and its answer with the description."""
    operation = next((each for each in OPERATIONS if each.fits(request.method, request.path)), None)
    if operation is None:
        if response.status not in (401, 403, 404, 405):
            findings.append(f"{request.method} {request.path}: no such endpoint")
        return
    counts["requests"] += 1
    if operation.reason:
        counts[operation.name] += 1
    if response.status in (200, 201):
        _check_query(operation, request)
        for where, what in differences(operation.request, json.loads(body)) if operation.request else ():
            _note(f"{operation.name} request: {where}", what)
    place = f"{operation.name} answer {response.status}"
    schema = _answer_schema(operation, response.status)
    answer = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    value = _parsed(answer)
    described = value is not None if schema else response.status == 200 and not answer
    if _changed_by_fault(service, described=described):
        counts["answers changed by a fault"] += 1
        return
    counts["answers"] += 1
    if not described:
        findings.append(f"{place}: not in the description: {answer[:200]!r}")
    if schema is None or not described:
        return
    for where, what in differences(schema, value):
        _note(f"{place}: {where}", what)
    if operation.pattern.endswith("/results/{id}/") and response.status == 200:
        runs = value["runs"].items() if isinstance(value["runs"], dict) else enumerate(value["runs"])
        for name, run in runs:
            for where, what in differences({"$ref": "#/components/schemas/Run"}, run):
                _note(f"{place}: /runs/{name}{where}", what)


def _parsed(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return None


def _changed_by_fault(service: CekuraService, *, described: bool) -> bool:
    """Return true for an answer that a fault of the stand-in changed: its runs' fields, its status, or its body."""
    faults = service.faults
    if faults.without or faults.extra:
        return True
    return not described and bool(faults.starts or faults.reads or faults.ends)


@pytest.fixture(autouse=True, scope="session")
def _compare_with_the_description() -> Iterator[None]:
    """Compare what each stand-in of this process answers."""
    if not INSTALLED:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        make_app = CekuraService.make_app

        def compared(self: CekuraService) -> web.Application:
            app = make_app(self)

            @web.middleware
            async def compare(request: web.Request, handler: Any) -> web.StreamResponse:
                body = await request.read()
                response: web.StreamResponse = await handler(request)
                check(self, request, body, response)
                return response

            app.middlewares.insert(0, compare)
            return app

        patch.setattr(CekuraService, "make_app", compared)
        yield


@pytest.fixture(autouse=True)
def _no_difference_from_the_description(_compare_with_the_description: None) -> Iterator[None]:
    """Fail a test in which the stand-in, or the client, differs from the description."""
    findings.clear()
    yield
    assert not findings, "\n".join(["not as Cekura describes it (tests/cekura_description.py):", *findings])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send a worker's counts to xdist's controller."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["cekura_description"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the counts of one of xdist's workers."""
    counts.update(getattr(node, "workeroutput", {}).get("cekura_description", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was compared, and each deviation that was met."""
    if not INSTALLED:
        terminalreporter.write_line("Cekura's description: nothing compared, jsonschema is not installed")
    elif counts["requests"]:
        met = len(counts - Counter({name: counts[name] for name in _TOTALS}))
        listed = len(DEVIATIONS) + sum(bool(each.reason) for each in OPERATIONS)
        terminalreporter.write_line(
            f"Cekura's description: {counts['answers']} answers and {counts['requests']} requests compared, "
            f"{counts['answers changed by a fault']} answers changed by a fault; "
            f"{met} of {listed} listed deviations met"
        )


_TOTALS: Final = ("answers", "requests", "answers changed by a fault")
