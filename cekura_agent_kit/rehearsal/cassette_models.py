"""Models that play a cassette in the place of each of an agent's."""

from __future__ import annotations

from collections.abc import Callable

from livekit.agents import llm

from ..cassettes.cassette_llm import CassetteLLM
from ..cassettes.tape import Player
from ..errors import CassetteError
from .internals.models import Own

__tracebackhide__ = True


class CassetteModels:
    """Models that play a cassette, one in the place of each of the agent's (`internals.models.Models`).

    Args:
        player: the cassette, as this call hears it.
        fail: called with the error for a request that was not recorded: it ends the call.
    """

    def __init__(self, player: Player, fail: Callable[[CassetteError], object]) -> None:
        self.player = player
        self._fail = fail
        self._made: dict[int, CassetteLLM] = {}

    def replacement(self, own: Own | None) -> Own | None:
        """Return the model in the place of one of the agent's.

        Raises:
            CassetteError: it is a realtime model.
        """
        if own is None or isinstance(own, CassetteLLM):
            return own
        if isinstance(own, llm.RealtimeModel):
            error = CassetteError(
                f"{self.player.tape.path}: {type(own).__module__}.{type(own).__name__} is a realtime model, "
                "whose answers no cassette records",
                hint="rehearse the agent with a model of text, or with llm= another LLM",
            )
            self._fail(error)
            raise error
        if id(own) not in self._made:
            self._made[id(own)] = CassetteLLM(own, self.player, self._fail)
        return self._made[id(own)]

    def is_ours(self, model: object) -> bool:
        """Return whether a model plays a cassette."""
        return isinstance(model, CassetteLLM)
