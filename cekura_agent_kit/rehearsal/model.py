"""The option `llm`: a model or a cassette in the place of the agent's own model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from livekit.agents import llm

from ..cassettes.tape import Player
from ..cassettes.tape_file import is_cassette
from ..errors import CassetteError, RehearsalError
from ..sandbox.models.rules import Rules, load_rules
from ..sandbox.models.rules_llm import RulesLLM
from ..worker.source import find_file
from .cassette_models import CassetteModels
from .internals.models import Models, Own
from .tapes import Cassette, Tapes

__tracebackhide__ = True


Model = llm.LLM[Any] | Player
"""A model in the place of the agent's, or a cassette of the answers of its own model."""


Answering = Model | Cassette
"""Values of the option in Python."""


def load_model(
    given: object, folders: Sequence[Path], tapes: Tapes | None = None, *, command: str = "pytest"
) -> Model | None:
    """Return what the option ``llm`` names; None leaves the agent its own model.

    Args:
        given: an `LLM`, a `Cassette`, the path of a cassette or of a file of the sandbox's model rules, `Rules`, or
            None.
        folders: folders in which a relative path is searched.
        tapes: the cassettes of this session of tests. Default: none was used yet.
        command: pytest with the test that names it, for hints.

    Raises:
        RehearsalError: it is something else.
        TargetError: there is no such file.
        ScenarioError: the file is not one of model rules.
        CassetteError: a cassette cannot be used.
    """
    if given is None or isinstance(given, llm.LLM | Player):
        return given
    if isinstance(given, str | Path):
        file = find_file(given, folders)
        given = Cassette(file) if is_cassette(file) else load_rules(file)
    if isinstance(given, Cassette):
        return (tapes or Tapes()).player(given, folders, command=command)
    if isinstance(given, Rules):
        return RulesLLM(given)
    raise RehearsalError(
        f"llm={given!r} is not a model", hint="give an LLM, a cassette, or the path of a file of model rules"
    )


class OneModel:
    """One model in the place of all of an agent's (`internals.models.Models`)."""

    def __init__(self, model: llm.LLM[Any]) -> None:
        self._model = model

    def replacement(self, own: Own | None) -> Own | None:
        """Return the model, also for a session that has none."""
        del own
        return self._model

    def is_ours(self, model: object) -> bool:
        """Return whether it is the model."""
        return model is self._model


def models_of(model: Model | None, fail: Callable[[CassetteError], object]) -> Models | None:
    """Return what replaces an agent's models; None leaves them.

    Args:
        model: what answers.
        fail: called with the error for a request that a cassette does not have.
    """
    if isinstance(model, Player):
        return CassetteModels(model, fail)
    return OneModel(model) if model is not None else None


def unused_rules(model: Model | None) -> list[str]:
    """Return a note on the rules that have answered nothing; none for another kind of model."""
    if not isinstance(model, RulesLLM) or not model.unused:
        return []
    return [f"model rules that answered nothing in this call: {model.rules.named(model.unused)}"]
