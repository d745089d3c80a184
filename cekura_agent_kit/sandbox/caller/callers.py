"""Conversations of scenarios, each held by the evaluator with its script or by a model that plays the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...cassettes.tape import Player, RecordMode, Tape
from ...errors import CassetteError
from ...file_names import CALLERS
from ...trigger.settings.env_files import read_variables
from ..cekura.evaluator import Evaluator
from ..cekura.judgement import Conversation
from ..cekura.line_use import LineUse
from ..cekura.scenarios import Scenario
from ..channels.channel import Channel
from .endpoint import KEY, Endpoint, endpoint_of, model_at

if TYPE_CHECKING:
    from livekit.agents import llm

ANSWER_TIME: Final = 60.0
"""Seconds for one answer. A large local model takes up to 30."""


class Callers:
    """Makes the conversations of scenarios. The model is made with the first scenario that needs it.

    Args:
        variables: name the endpoint of the model that plays callers. Default: the environment's, now.
        player: returns a cassette of that model's answers for one conversation. Default: the model is asked.
        answer_time: seconds for each answer of the model.
    """

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        player: Callable[[], Player] | None = None,
        answer_time: float = ANSWER_TIME,
    ) -> None:
        self._variables, self._player, self._answer_time = variables, player, answer_time
        self._endpoint: Endpoint | None = None
        self._model: llm.LLM[Any] | None = None

    def check(self, scenario: Scenario) -> None:
        """Check that a scenario's caller can be played, before anything is started.

        Raises:
            SettingsError: a model is needed, and no variable names one.
            CassetteError: the cassette does not exist, or cannot be used.
        """
        if scenario.caller is not None and (self._player is None or self._player().tape.records):
            self._endpoint = self._endpoint or endpoint_of(self._variables)

    @property
    def shown(self) -> str:
        """The model and its address, or the cassette; empty before a scenario that needs a model was checked."""
        return self._endpoint.shown if self._endpoint else "a cassette" if self._player else ""

    def conversation(
        self,
        scenario: Scenario,
        channel: Channel,
        line_use: LineUse | None = None,
        *,
        ends_after: float | None = None,
    ) -> Conversation:
        """Return what holds a scenario's conversation over a channel.

        Args:
            scenario: has a script, or a caller.
            channel: to the agent.
            line_use: notes the lines of a script that were of use.
            ends_after: of a script; see `Evaluator`.

        Raises:
            SettingsError, CassetteError: see `check`.
            SandboxError: a model is needed, and the extra `sandbox` is not installed.
        """
        if scenario.caller is None:
            return Evaluator(scenario, channel, line_use or LineUse(), ends_after)
        # livekit.agents takes seconds to import, and scripts do not need it.
        from .model_caller import ModelCaller

        self.check(scenario)
        misses: list[CassetteError] = []
        model = self._own_model() if self._player is None else self._recorded(self._player(), misses)
        return ModelCaller(
            scenario,
            channel,
            model,
            shown=self._endpoint.shown if self._endpoint else f"{model.model}, recorded",
            key_name=self._endpoint.key_name if self._endpoint else KEY,
            answer_time=self._answer_time,
            misses=misses,
        )

    async def close(self) -> None:
        """Write what a cassette has recorded, and close the connections of the model."""
        if self._player is not None:
            self._player().tape.save()
        if self._model is not None:
            await self._model.aclose()
            self._model = None

    def _own_model(self) -> llm.LLM[Any]:
        assert self._endpoint is not None, "it is checked first"
        self._model = self._model or model_at(self._endpoint)
        return self._model

    def _recorded(self, player: Player, misses: list[CassetteError]) -> llm.LLM[Any]:
        from .recorded_model import recorded_model

        return recorded_model(player, self._own_model, misses.append)


def callers_beside(scenarios: Path, *, recorded: bool = True) -> Callers:
    """Return the callers of a scenario file: by the variables of this process and of .env files, or by a cassette.

    Args:
        scenarios: the scenario file.
        recorded: play `cekura.callers.yaml` beside it, if it exists. It fits an agent whose words do not change.
    """
    found = read_variables((scenarios.parent, Path())).found
    variables = {name: variable.value for name, variable in found.items()}
    if not recorded or not has_cassette(scenarios):
        return Callers(variables)
    tape = Tape(scenarios.parent / CALLERS, RecordMode.NONE)
    return Callers(variables, player=lambda: Player(tape, asker="a caller of the scenario file"))


def has_cassette(scenarios: Path) -> bool:
    """Return true if answers of the model that plays the callers are recorded beside a scenario file."""
    return (scenarios.parent / CALLERS).exists()
