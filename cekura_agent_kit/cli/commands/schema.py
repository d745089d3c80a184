"""`cekura-kit schema`: JSON Schemas of the files that are written by hand, and of the JSON report."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from ..console import say_json


class Schema(StrEnum):
    """Kind of file that has a schema."""

    SUITE = "suite"
    REPORT = "report"
    SCENARIOS = "scenarios"
    RULES = "rules"
    FAULTS = "faults"


def schema(
    of: Annotated[
        Schema,
        typer.Argument(help="Suite file, JSON report, or the sandbox's scenarios, model rules or faults."),
    ] = Schema.SUITE,
) -> None:
    """Print the JSON Schema of the suite file, of the JSON report, or of one of the sandbox's files.

    An editor with a YAML language server completes and checks a suite whose first line is
    `# yaml-language-server: $schema=cekura.schema.json`, with `cekura-kit schema > cekura.schema.json` beside it.
    """
    say_json(schema_of(of))


def schema_of(what: Schema) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12)."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_model_schema(what)}


def _model_schema(what: Schema) -> dict[str, Any]:
    if what is Schema.REPORT:
        from ...verdict import SuiteVerdict

        # Of a written report: every key is always present.
        return SuiteVerdict.model_json_schema(mode="serialization")
    if what is Schema.SCENARIOS:
        from pydantic import TypeAdapter

        from ...sandbox.cekura.scenarios import Scenarios

        return TypeAdapter[Any](Scenarios).json_schema()
    if what is Schema.RULES:
        from ...sandbox.models.rules import Rules

        return Rules.model_json_schema()
    if what is Schema.FAULTS:
        from ...sandbox.cekura.faults import Faults

        return Faults.model_json_schema()
    from ...trigger.plan.suite import Suite

    return Suite.model_json_schema()
