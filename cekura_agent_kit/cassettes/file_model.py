"""The form of a cassette's file, for reading."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _number(value: object) -> object:
    # Keys of a mapping arrive as JSON has them: as text.
    return int(value) if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,5}", value) else value


Number = Annotated[int, BeforeValidator(_number), Field(ge=1)]
Name = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    """An item of a list, which is one of several kinds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    KINDS: ClassVar[tuple[str, ...]]
    BELONGS: ClassVar[dict[str, str]]
    """Keys that belong to another one."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        """Check that an item of a list is one of its kinds, with what belongs to it."""
        given = [name for name in self.KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"an item has one of {', '.join(f'`{each}`' for each in self.KINDS)}")
        for name, of in self.BELONGS.items():
            if getattr(self, name) is not None and given != [of]:
                raise ValueError(f"`{type(self).model_fields[name].alias or name}` belongs to `{of}`")
        return self


class TalkItem(_Part):
    """An item of a talk."""

    instructions: int | None = None
    user: str | None = None
    agent: str | None = None
    call: Name | None = None
    arguments: Annotated[dict[str, Any] | str | None, Field(alias="with")] = None
    result: str | None = None
    of: str | None = None

    KINDS: ClassVar = ("instructions", "user", "agent", "call", "result")
    BELONGS: ClassVar = {"arguments": "call", "of": "result"}


class AnswerPart(_Part):
    """A part of an answer."""

    say: str | None = None
    chunks: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}( [1-9][0-9]{0,5})*$")] | None = None
    """Numbers of characters, as one text: thousands of pieces are one value of the file."""
    call: Name | None = None
    arguments: Annotated[dict[str, Any] | str | None, Field(alias="with")] = None

    KINDS: ClassVar = ("say", "call")
    BELONGS: ClassVar = {"arguments": "call", "chunks": "say"}

    @property
    def lengths(self) -> tuple[int, ...]:
        """The numbers of `chunks`."""
        return tuple(map(int, (self.chunks or "").split()))

    @model_validator(mode="after")
    def _chunks_add_up(self) -> Self:
        if self.say is not None and self.chunks and (total := sum(self.lengths)) != len(self.say):
            raise ValueError(
                f"`chunks` add up to {total} characters, and `say` has {len(self.say)}: remove `chunks`, "
                "and the words come in one piece"
            )
        return self


class _Fault(BaseModel):
    """An error in the place of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Annotated[int, Field(ge=0, le=599)]
    message: str = ""


class RecordedExchange(BaseModel):
    """An exchange, as far as it differs from the one that it follows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    follows: int | None = None
    model: str | None = None
    tools: int | None = None
    choice: str = ""
    talk: list[TalkItem] = []
    answer: list[AnswerPart] = []
    usage: dict[str, Annotated[int, Field(ge=0)]] = {}
    error: _Fault | None = None
    interrupted: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.follows is None and (self.model is None or self.tools is None):
            raise ValueError("an exchange has `model` and `tools`, or `follows` one that has them")
        return self


class CassetteFile(BaseModel):
    """A cassette."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cassette: int
    agent: str
    instructions: dict[Number, str] = {}
    tools: dict[Number, dict[str, Any]] = {}
    exchanges: dict[Number, RecordedExchange] = {}
    recorded: int
