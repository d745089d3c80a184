"""Cekura's endpoints for LiveKit runs, and where each is described."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cekura_agent_kit.sandbox.cekura.reads import V1, V2


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
    Operation("GET", "/test_framework/billing/info/", "/test_framework/billing/info/"),
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
ERRORS: Final[Mapping[int, Any]] = {
    400: {
        "anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": ["array", "object"]}},
        ]
    },
    **{status: {"type": "object", "required": ["detail"]} for status in (401, 403, 404, 405)},
}
"""Bodies of errors, as the documentation has them."""
