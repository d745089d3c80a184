"""Options of `wrap_entrypoint`, and the mark of a test. Each production job imports this, and it imports little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

Fake = Callable[..., Any]
"""Stands for a tool: called with those of the call's arguments that it names, and with the RunContext where a
parameter is annotated so, or is called ``context`` or ``ctx``."""
Tests = Literal["any", "signed", "none"]
"""The tests that an agent accepts."""

UNDER_TEST: Final = "_cekura_agent_kit"
"""Attribute of a job context, a room and a session that are part of a test; a real call has none."""


class Options(NamedTuple):
    """Options of `wrap_entrypoint`, documented there."""

    tests: Tests | None = None
    tools: Mapping[str, Fake] = MappingProxyType({})
    user_turn: bool = True
    voice_instructions: bool = True
    never_away: bool = True
    tracing: bool = False
