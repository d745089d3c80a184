"""Choice of what holds a scenario's conversation: the evaluator with its script, or a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ...cassettes.tape import Player
from ...errors import CassetteError
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

    Attributes:
        misses: errors of requests that a cassette does not have.
    """

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        player: Callable[[], Player] | None = None,
        answer_time: float = ANSWER_TIME,
    ) -> None:
        self.misses: list[CassetteError] = []
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

    def conversation(self, scenario: Scenario, channel: Channel, line_use: LineUse | None = None) -> Conversation:
        """Return what holds a scenario's conversation over a channel.

        Raises:
            SettingsError, CassetteError: see `check`.
            SandboxError: a model is needed, and the extra `sandbox` is not installed.
        """
        if scenario.caller is None:
            return Evaluator(scenario, channel, line_use or LineUse())
        # livekit.agents takes seconds to import, and scripts do not need it.
        from .model_caller import ModelCaller

        self.check(scenario)
        model = self._own_model() if self._player is None else self._recorded(self._player())
        return ModelCaller(
            scenario,
            channel,
            model,
            shown=self._endpoint.shown if self._endpoint else f"{model.model}, recorded",
            key_name=self._endpoint.key_name if self._endpoint else KEY,
            answer_time=self._answer_time,
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

    def _recorded(self, player: Player) -> llm.LLM[Any]:
        from .recorded_model import recorded_model

        return recorded_model(player, self._own_model, self.misses.append)
