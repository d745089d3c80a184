"""Values of a suite file, with the limits that its schema states, too, and the base of its models."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    WithJsonSchema,
)

from ...contract import RESERVED_KEYS, ROOM_KEY, parse_object
from ...doubles import OTHERS, behaviour_of, behaviours_of
from ...errors import SuiteError
from ...yaml_files import WHOLE, problems
from .given_state import MAIN_PART, main_agent_part


class SuiteModel(BaseModel):
    """Frozen part of a suite file, without unknown keys; a wrong value is a `SuiteError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    if not TYPE_CHECKING:

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as fault:
                raise SuiteError(problems(fault, type(self)), hint="docs/suite.md lists every key") from None

        # pydantic calls no other `__init__` for what it reads, and `load` needs its error for the line of each problem.
        __init__.__pydantic_base_init__ = True


def _unreserved(metadata: dict[str, Any]) -> dict[str, Any]:
    if reserved := sorted(RESERVED_KEYS & metadata.keys()):
        raise ValueError(
            f"{', '.join(map(repr, reserved))} is written by the kit: use `mode`, and other names for your own keys"
        )
    return metadata


def _behaviour(value: Any) -> Any:
    behaviour_of(value)
    return value


def _behaviours(tools: dict[str, Any]) -> dict[str, Any]:
    behaviours_of(tools)
    return tools


def _object(value: object) -> object:
    """Return the object of a room's metadata that is written as text, as Cekura's agent settings have it."""
    if not isinstance(value, str):
        return value
    if (found := parse_object(value)) is None:
        raise ValueError(f"{json.dumps(value[:60])} is not the text of a JSON object")
    return found


def _unmarked(metadata: dict[str, Any]) -> dict[str, Any]:
    if ROOM_KEY in metadata:
        raise ValueError(f"{ROOM_KEY!r} is written by the kit: use another name for your own key")
    return metadata


def _profile(value: bool | dict[str, Any]) -> bool | dict[str, Any]:
    if isinstance(value, dict):
        main_agent_part(value)
    return value


def _concurrency(value: object) -> object:
    if value != AUTO and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"{json.dumps(value, default=str)[:60]} is neither a whole number from 1 on nor `{AUTO}`")
    return value


AUTO: Final = "auto"
"""`concurrency` that follows how late agents come (`trigger.limiter`)."""

_ANSWER: Final = {
    "type": "object",
    "properties": {"returns": {}, "raises": {"type": "string", "pattern": r"\S"}, "when": {"type": "object"}},
    "additionalProperties": False,
    "oneOf": [{"required": ["returns"]}, {"required": ["raises"]}],
}
_VERB: Final = {"enum": ["run", "refuse"]}

Count = Annotated[int, Strict(), Field(ge=1), WHOLE]
Concurrency = Annotated[
    int | Literal["auto"],
    BeforeValidator(_concurrency),
    WHOLE,
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": AUTO}]}),
]
Repeat = Annotated[int, Strict(), Field(ge=1, le=1000), WHOLE]
"""Each run is billed: a higher number is a typing error."""
Seed = Annotated[int, Strict(), Field(ge=0, lt=2**31), WHOLE]
ScenarioId = Annotated[int, Strict(), Field(ge=1, lt=10**18), WHOLE]
Metadata = Annotated[
    dict[str, Any],
    AfterValidator(_unreserved),
    Field(json_schema_extra={"propertyNames": {"not": {"enum": sorted(RESERVED_KEYS)}}}),
]
Tools = Annotated[
    # Each by itself, so that an error has the line of its tool.
    dict[str, Annotated[Any, AfterValidator(_behaviour)]],
    AfterValidator(_behaviours),
    Field(
        json_schema_extra={
            "properties": {OTHERS: _VERB},
            "additionalProperties": {"anyOf": [_VERB, _ANSWER, {"type": "array", "items": _ANSWER, "minItems": 1}]},
        }
    ),
]
RoomMetadata = Annotated[
    dict[str, Any],
    BeforeValidator(_object),
    AfterValidator(_unmarked),
    WithJsonSchema(
        {"anyOf": [{"type": "object", "propertyNames": {"not": {"enum": [ROOM_KEY]}}}, {"type": "string"}]},
    ),
]
TestProfile = Annotated[
    bool | dict[str, Any],
    AfterValidator(_profile),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "object", "properties": {MAIN_PART: {"type": "object"}}}]}),
]
"""True: the scenario's own, read from Cekura. An object: its ``information``, or flat."""
Rate = Annotated[float, Strict(), Field(ge=0, le=1)]
Credits = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
TextSwitch = Literal["wrapper", "dispatch"]
Unscored = Literal["error", "warn", "pass"]


def seed_of(suite_seed: int, case: str) -> int:
    """Return the seed of a case, 0 to 2**31 - 1: the same for the same suite's seed and case, on any machine."""
    return int.from_bytes(hashlib.sha256(f"{suite_seed} {case}".encode()).digest()[:4]) >> 1
