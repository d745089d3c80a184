"""Comparison of one request and its answer with Cekura's description."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from cekura_agent_kit.sandbox.cekura.service import CekuraService

from .deviations import DEVIATIONS
from .operations import ERRORS, OPERATIONS, Operation
from .schemas import description, differences

findings: Final[list[str]] = []
"""Differences that no deviation names."""
counts: Final[Counter[str]] = Counter()
"""Answers, requests, and uses of each deviation and of each operation with a reason."""


def _note(where: str, what: str) -> None:
    for deviation in DEVIATIONS:
        if re.search(deviation.where, where) and re.search(deviation.what, what, re.DOTALL):
            counts[f"{deviation.where}: {deviation.what}"] += 1
            return
    findings.append(f"{where}: {what[:300]}")


def _check_query(operation: Operation, request: web.Request) -> None:
    described: Mapping[str, Any] = {}
    if operation.described_as:
        described = description()["paths"][operation.described_as][request.method.lower()]
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
    if status in ERRORS:
        schema: Mapping[str, Any] = ERRORS[status]
        return schema
    if operation.answer is not None:
        return operation.answer
    described = description()["paths"][operation.described_as][operation.method.lower()]["responses"]
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
    if _changed_by_fault(service, described=described and response.status < 400):
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
    answers = [*faults.starts.values(), *faults.reads.values(), *faults.scenarios.values(), *faults.ends.values()]
    return any(answer.body is not None for answer in answers) or bool(answers and not described)
