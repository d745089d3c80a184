"""Values of a suite file, with the limits that its schema states, too."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict

from ..contract import RESERVED_KEYS
from ..yaml_files import WHOLE


def _unreserved(metadata: dict[str, Any]) -> dict[str, Any]:
    if reserved := sorted(RESERVED_KEYS & metadata.keys()):
        raise ValueError(
            f"{', '.join(map(repr, reserved))} is written by the kit: use `mode`, and other names for your own keys"
        )
    return metadata


Count = Annotated[int, Strict(), Field(ge=1), WHOLE]
Repeat = Annotated[int, Strict(), Field(ge=1, le=1000), WHOLE]
"""Each run is billed: a higher number is a typing error."""
ScenarioId = Annotated[int, Strict(), Field(ge=1, lt=10**18), WHOLE]
Metadata = Annotated[
    dict[str, Any],
    AfterValidator(_unreserved),
    Field(json_schema_extra={"propertyNames": {"not": {"enum": sorted(RESERVED_KEYS)}}}),
]
Rate = Annotated[float, Strict(), Field(ge=0, le=1)]
TextSwitch = Literal["wrapper", "dispatch"]
Unscored = Literal["error", "warn", "pass"]
