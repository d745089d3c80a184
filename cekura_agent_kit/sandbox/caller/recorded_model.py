"""A caller's model that plays a cassette."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit.agents import llm

from ...cassettes.cassette_llm import CassetteLLM
from ...cassettes.tape import Player
from ...errors import CassetteError
from .endpoint import DEFAULT_MODEL

AGENT = "callers played by a model"
"""Name in the cassette, in the place of the agent whose model is recorded."""


def recorded_model(
    player: Player, own: Callable[[], llm.LLM[Any]], fail: Callable[[CassetteError], object] = lambda _: None
) -> CassetteLLM:
    """Return the model that plays a cassette.

    Args:
        player: the cassette, as one conversation hears it.
        own: returns the endpoint's model. It is called only if the cassette records.
        fail: called with the error for a request that was not recorded.

    Raises:
        CassetteError: the cassette is of an agent's model.
    """
    player.tape.check_agent(AGENT)
    return CassetteLLM(own() if player.tape.records else _Unasked(player), player, fail)


class _Unasked(llm.LLM[Any]):
    """The model that was recorded, which is not asked."""

    def __init__(self, player: Player) -> None:
        super().__init__()
        exchanges = player.tape.exchanges
        self._model = exchanges[0].asked.model if exchanges else DEFAULT_MODEL

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._model

    def chat(self, **_: Any) -> llm.LLMStream:
        """Refuse: everything is played."""
        raise AssertionError("nothing is recorded")
