"""Steps of a scenario, as a person writes them: what the evaluator does, and what it expects of the agent.

The same steps are played in memory, and in the sandbox in text and in voice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from ...yaml_files import Duration, regular_expression

ANY_TOOL: Final = "*"
"""Name that stands for every tool."""

Pattern = Annotated[str, Field(min_length=1), AfterValidator(regular_expression)]
"""A regular expression, case ignored, searched in the agent's words since the evaluator last did something."""


def found(pattern: str, words: str) -> bool:
    """Return true if the words have what the pattern describes."""
    return re.search(pattern, words, re.IGNORECASE) is not None


class ToolPattern(BaseModel):
    """Call of a tool."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    tool: Annotated[str, Field(min_length=1)]
    """Name of the tool; ``*``: any."""
    arguments: dict[str, Any] = {}
    """Arguments that the call must have; others do not matter. Texts are compared without regard to case."""

    def matches(self, name: str, arguments: Mapping[str, Any]) -> bool:
        """Return true for such a call."""
        return self.tool in (ANY_TOOL, name) and all(
            given in arguments and _same(value, arguments[given]) for given, value in self.arguments.items()
        )


def _same(wanted: object, value: object) -> bool:
    if isinstance(wanted, str) and isinstance(value, str):
        return wanted.strip().casefold() == value.strip().casefold()
    # To Python, true is 1.
    return wanted == value and isinstance(wanted, bool) == isinstance(value, bool)


def _many(value: object) -> object:
    """Return a tuple of a list, and of a single element."""
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str | dict) else value


def _tools(value: object) -> object:
    many = _many(value)
    if not isinstance(many, tuple):
        return value
    return tuple({"tool": each} if isinstance(each, str) else each for each in many)


_Name = Annotated[str, Field(min_length=1)]
_Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1)]
_SomePatterns = Annotated[
    tuple[Pattern, ...],
    Field(min_length=1),
    BeforeValidator(_many, json_schema_input_type=Pattern | Annotated[list[Pattern], Field(min_length=1)]),
]
_SomeTools = Annotated[
    tuple[ToolPattern, ...],
    Field(min_length=1),
    BeforeValidator(
        _tools,
        json_schema_input_type=_Name | ToolPattern | Annotated[list[_Name | ToolPattern], Field(min_length=1)],
    ),
]

_KEYS: Final = (
    *("say", "hear", "hear_all", "hear_any", "not_hear", "call", "no_call", "within", "pause", "data", "silence"),
)
_SAYS: Final[JsonDict] = {"required": ["say"], "properties": {"say": {"type": "string"}}}
_SENDS: Final[JsonDict] = {"required": ["data"], "properties": {"data": {"type": "object"}}}


class Step(BaseModel):
    """One step of the conversation: what the evaluator does, then what it expects, or one of them."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={
            "anyOf": [{"required": [key], "properties": {key: {"not": {"type": "null"}}}} for key in _KEYS],
            "allOf": [
                {
                    "if": {"required": ["interrupt"], "properties": {"interrupt": {"const": True}}},
                    "then": _SAYS,
                },
                {
                    "if": {"required": ["silence"], "properties": {"silence": {"not": {"type": "null"}}}},
                    "then": {
                        "not": {"anyOf": [_SAYS, {"required": ["data"], "properties": {"data": {"type": "object"}}}]}
                    },
                },
            ],
        },
    )

    pause: Duration | None = None
    """Time to wait before anything else of this step."""
    data: dict[str, Any] | None = None
    """Message that the evaluator publishes, as JSON in a data packet without a topic."""
    say: Annotated[str, Field(min_length=1)] | None = None
    """Words that the evaluator says."""
    interrupt: bool = False
    """Say the words while the agent speaks. In text they are sent at once."""
    silence: Duration | None = None
    """Say nothing for this time at most: the agent must speak by itself."""
    hear: Pattern | None = None
    """A regular expression, case ignored, searched in the agent's words since the evaluator last spoke."""
    hear_all: _Patterns | None = None
    """Several of them; each must be heard, in any order."""
    hear_any: _Patterns | None = None
    """Several of them; one must be heard."""
    not_hear: _SomePatterns | None = None
    """One or several that must not be heard until the evaluator next speaks, or the conversation ends."""
    call: _SomeTools | None = None
    """Tools that the agent must call, each a name or ``{tool: NAME, arguments: {…}}``."""
    no_call: _SomeTools | None = None
    """Tools that it must not call until the evaluator next speaks; ``*``: none at all."""
    within: Duration | None = None
    """Longest time from the evaluator's words to the first words of the reply."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if all(getattr(self, key) is None for key in _KEYS):
            raise ValueError(f"a step needs one of {', '.join(_KEYS)}")
        if self.interrupt and self.say is None:
            raise ValueError("`interrupt` needs `say`")
        if self.silence is not None and (self.say is not None or self.data is not None):
            raise ValueError("`silence` says nothing: it has neither `say` nor `data`")
        return self

    @property
    def acts(self) -> bool:
        """The evaluator does something to which the agent's words and calls from now on are the answer."""
        return self.say is not None or self.data is not None or self.silence is not None

    @property
    def expects_words(self) -> bool:
        """The step waits for words of the agent."""
        return any(each is not None for each in (self.hear, self.hear_all, self.hear_any, self.within, self.silence))

    @property
    def names_tools(self) -> bool:
        """The step needs to know the agent's tool calls."""
        return self.call is not None or self.no_call is not None
