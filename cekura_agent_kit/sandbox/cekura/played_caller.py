"""The key `caller` of a scenario: the person whom a model plays, in the place of a script."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, Strict

from ...yaml_files import WHOLE

TURNS: Final = 20
"""Default limit of the caller's turns. A booking on the phone takes 5 to 10."""
MAX_TOKENS: Final = 50_000
"""Default limit of tokens, read and written: twenty turns of a caller with a page of instructions need half of it."""

_Text = Annotated[str, Field(pattern=r"\S")]


class Caller(BaseModel):
    """A caller who wants something of the agent, played by a language model."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    goal: _Text
    """The aim of the call, in words. The caller hangs up once it is reached, or cannot be reached any more."""
    persona: str = ""
    """Description of the caller, and of how they speak."""
    facts: dict[str, Any] = {}
    """Knowledge of the caller, told when it is asked for: ``{name: Maria, people: 2}``."""
    first_message: _Text | None = None
    """Words with which the caller begins, as they are. Default: the model's own."""
    turns: Annotated[int, Strict(), Field(ge=1, le=200), WHOLE] = TURNS
    """Longest conversation, in turns of the caller."""
    max_tokens: Annotated[int, Strict(), Field(gt=0), WHOLE] = MAX_TOKENS
    """Tokens that the caller's model may read and write in one conversation, those of its instructions included."""
