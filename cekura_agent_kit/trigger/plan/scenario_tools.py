"""Doubles that stand in a scenario file, beside the scenarios that they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, RootModel

from ...errors import ScenarioError
from ...file_names import SCENARIOS, advice_on
from ...yaml_files import load
from .suite_values import Tools


def _not_a_list(value: object) -> object:
    if isinstance(value, list):
        raise ValueError("says what the agent's tools do; a list of tools of Cekura's evaluator is `evaluator_tools`")
    return value


ScenarioTools = Annotated[Tools, BeforeValidator(_not_a_list)]


class _Scenario(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tools: ScenarioTools = {}


class _Anything(RootModel[dict[str, Any]]):
    pass


class _Scenarios(RootModel[dict[str, _Scenario]]):
    pass


def tools_of_scenarios(file: Path) -> dict[int, dict[str, Any]]:
    """Return the `tools` of the scenarios of a file, by their ids; none of a file that names no scenario by its id.

    The sandbox checks the rest of the file. LiveKit's own tools have files of another form, and of the former name.

    Raises:
        ScenarioError: the file cannot be read, or the tools of a scenario do not fit; with file and line. A suite whose
            doubles are not known must not start: the real tools would run.
    """
    if advice_on(file, SCENARIOS) and not _has_ids(file):
        return {}
    scenarios = load(file, _Scenarios, error=ScenarioError).root
    return {int(key): each.tools for key, each in scenarios.items() if each.tools and _is_id(key)}


def _has_ids(file: Path) -> bool:
    try:
        return any(map(_is_id, load(file, _Anything, error=ScenarioError).root))
    except ScenarioError:
        return False


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdigit()
