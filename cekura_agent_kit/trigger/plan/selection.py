"""The `select` of an entry: scenarios chosen by tags, folder and agent. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any, Final, Self, cast

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from .suite_values import ScenarioId, SuiteModel


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text.strip()


_Name = Annotated[str, AfterValidator(_not_blank), Field(json_schema_extra={"pattern": r"\S"})]
_Names = Annotated[list[_Name], Field(min_length=1)]


_NOT_EMPTY: Final = {
    "anyOf": [
        {"required": [key], "properties": {key: {"type": kind}}}
        for key, kind in (
            *(("tags", "array"), ("any_tags", "array"), ("not_tags", "array")),
            *(("folder", "string"), ("agent", "integer")),
        )
    ]
}


class Select(SuiteModel):
    """Scenarios by what they are, in the place of `scenario`. All keys that are given must match."""

    model_config = ConfigDict(json_schema_extra=cast(Any, _NOT_EMPTY))

    tags: _Names | None = None
    """Tags that a scenario must have, all of them."""
    any_tags: _Names | None = None
    """Tags of which a scenario must have one."""
    not_tags: _Names | None = None
    """Tags that a scenario must not have."""
    folder: _Name | None = None
    """Folder of the scenarios; folders below it count. Levels are separated by dots or slashes."""
    agent: ScenarioId | None = None
    """Cekura's id of the agent that the scenarios belong to. Default: the suite's `agent`, if it has one."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.described:
            raise ValueError("selects nothing: give tags, any_tags, not_tags, folder or agent")
        return self

    @property
    def tag(self) -> str:
        """A tag that every chosen scenario has; empty if there is none that is certain."""
        certain = [*(self.tags or ()), *((self.any_tags or ()) if len(self.any_tags or ()) == 1 else ())]
        return next(iter(certain), "")

    @property
    def described(self) -> str:
        """The keys in words: `tags smoke, booking; not slow; folder Sales`."""
        parts = [
            f"{words} {', '.join(names)}"
            for words, names in (("tags", self.tags), ("any of", self.any_tags), ("not", self.not_tags))
            if names
        ]
        parts += [f"folder {self.folder}"] if self.folder else []
        parts += [f"agent {self.agent}"] if self.agent else []
        return "; ".join(parts)

    def matches(self, *, tags: Collection[str], folder: str, agent: int | None) -> bool:
        """Return True if a scenario is chosen.

        Args:
            tags: of the scenario.
            folder: of the scenario; empty if it is in none.
            agent: of the scenario; None if that is not known, which matches any.
        """
        return (
            all(tag in tags for tag in self.tags or ())
            and (not self.any_tags or any(tag in tags for tag in self.any_tags))
            and not any(tag in tags for tag in self.not_tags or ())
            and (self.folder is None or is_below(folder, self.folder))
            and (self.agent is None or agent is None or agent == self.agent)
        )


def is_below(folder: str, parent: str) -> bool:
    """Return True if the folder is the parent, or below it."""
    return levels(folder)[: len(levels(parent))] == levels(parent)


def levels(folder: str) -> list[str]:
    """Return the names of the folder's levels, from the top."""
    return [name.strip() for name in re.split(r"[./]", folder) if name.strip()]
