"""Texts of rules with ``{name}`` in them, which captured words replace. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


def filled(template: str, captured: Mapping[str, str]) -> str:
    """Return the text with each ``{name}`` replaced; by nothing where an optional group captured nothing."""
    return _PLACEHOLDER.sub(lambda place: captured.get(place[1], ""), template)


def check_placeholders(templates: Iterable[str], patterns: Iterable[str | None] = ()) -> None:
    """Refuse a ``{name}`` that nothing replaces: it would be spoken as it is.

    Args:
        templates: the texts of a rule.
        patterns: its regular expressions, whose named groups are known, beside ``{words}``.

    Raises:
        ValueError: a name is unknown.
    """
    known = {"words"}.union(*(re.compile(pattern).groupindex for pattern in patterns if pattern))
    used = {name for template in templates for name in _PLACEHOLDER.findall(template)}
    if unknown := sorted(used - known):
        raise ValueError(
            f"{_listed(unknown)}: no pattern of the rule has a group of this name; known: {_listed(sorted(known))}"
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
