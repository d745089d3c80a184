"""Doubles that stand in a scenario file, beside the scenarios that they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, RootModel

from ..errors import ScenarioError
from ..yaml_files import load
from .suite_values import Tools


def _not_a_list(value: object) -> object:
    if isinstance(value, list):
        raise ValueError("says what the agent's tools do; a list of tools of Cekura's evaluator is `evaluator_tools`")
    return value


ScenarioTools = Annotated[Tools, BeforeValidator(_not_a_list)]


class _Scenario(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tools: ScenarioTools = {}


class _Scenarios(RootModel[dict[str, _Scenario]]):
    pass


def tools_of_scenarios(file: Path) -> dict[int, dict[str, Any]]:
    """Return the `tools` of the scenarios of a file, by their ids. The sandbox checks the rest of the file.

    Raises:
        ScenarioError: the file cannot be read, or the tools of a scenario do not fit; with file and line. A suite whose
            doubles are not known must not start: the real tools would run.
    """
    scenarios = load(file, _Scenarios, error=ScenarioError).root
    return {int(key): each.tools for key, each in scenarios.items() if each.tools and key.isascii() and key.isdigit()}
