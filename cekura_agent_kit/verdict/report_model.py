"""Base class of everything in the JSON report."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ReportModel(BaseModel):
    """Immutable part of the JSON report. Unknown keys, NaN and Infinity are refused."""

    # In the schema of a written report every key is required, because all are always present.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )
