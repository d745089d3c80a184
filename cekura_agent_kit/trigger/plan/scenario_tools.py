"""Parts of a scenario file that the agent is given: doubles of its tools, and data. Each belongs to a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, RootModel

from ...contract import Mode
from ...errors import ScenarioError
from ...file_names import SCENARIOS, advice_on, is_for_livekit
from ...yaml_files import load
from .livekit_scenarios import read_livekit
from .simulation import simulation_attributes
from .suite_values import Tools


def _not_a_list(value: object) -> object:
    if isinstance(value, list):
        raise ValueError("says what the agent's tools do; a list of tools of Cekura's evaluator is `evaluator_tools`")
    return value


ScenarioTools = Annotated[Tools, BeforeValidator(_not_a_list)]


@dataclass(frozen=True)
class AgentPart:
    """Part of a scenario that is given to the agent.

    Attributes:
        tools: what its tools do.
        userdata: what it finds in its simulation context; None for no simulation.
        name, tags: of the scenario.
    """

    tools: Mapping[str, Any]
    userdata: Mapping[str, Any] | None = None
    name: str = ""
    tags: Sequence[str] = ()

    def attributes(self, mode: Mode) -> dict[str, str]:
        """Return the attributes of the job of a run."""
        return simulation_attributes(mode, self.userdata, label=self.name, tags=self.tags)


NO_PART: Final = AgentPart({})


class _Scenario(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tools: ScenarioTools = {}
    userdata: dict[str, Any] | None = None
    name: Any = ""
    tags: Any = ()


class _Anything(RootModel[dict[str, Any]]):
    pass


class _Scenarios(RootModel[dict[str, _Scenario]]):
    pass


def agent_parts(file: Path) -> dict[int, AgentPart]:
    """Return what the scenarios of a file give to the agent, by their ids; none of a file that has no scenario by id.

    The sandbox checks the rest of the file. A file of the former name may be anybody's.

    Raises:
        ScenarioError: the file cannot be read, or the tools of a scenario do not fit; with file and line. A suite whose
            doubles are not known must not start: the real tools would run.
    """
    if is_for_livekit(file):
        return {
            number: AgentPart({}, each.userdata, each.label, each.tag_names)
            for number, each in read_livekit(file)[1].items()
        }
    if advice_on(file, SCENARIOS) and not _has_ids(file):
        return {}
    scenarios = load(file, _Scenarios, error=ScenarioError).root
    return {
        int(key): AgentPart(each.tools, each.userdata, str(each.name), _texts(each.tags))
        for key, each in scenarios.items()
        if (each.tools or each.userdata is not None) and _is_id(key)
    }


def _texts(tags: object) -> tuple[str, ...]:
    return tuple(map(str, tags)) if isinstance(tags, list) else ()


def _has_ids(file: Path) -> bool:
    try:
        return any(map(_is_id, load(file, _Anything, error=ScenarioError).root))
    except ScenarioError:
        return False


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdigit()
