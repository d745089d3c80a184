"""Options of `wrap_entrypoint`, and the mark of a test. Each production job imports this, and it imports little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args

Fake = Callable[..., Any]
"""Stands for a tool: called with those of the call's arguments that it names, and with the RunContext where a
parameter is annotated so, or is called ``context`` or ``ctx``."""
Tests = Literal["any", "signed", "none"]
"""The tests that an agent accepts."""
TESTS: Final[tuple[str, ...]] = get_args(Tests)

UNDER_TEST: Final = "_cekura_agent_kit"
"""Attribute of a job context, a room and a session that are part of a test; a real call has none."""


class Options:
    """Options of `wrap_entrypoint`, documented there.

    Written out, since it is made in each job process: a dataclass takes 0.5 ms of it, a named tuple 0.2 ms.
    """

    def __init__(
        self,
        *,
        tests: Tests | None = None,
        tools: Mapping[str, Fake] | None = None,
        user_turn: bool = True,
        voice_instructions: bool = True,
        never_away: bool = True,
        tracing: bool = False,
    ) -> None:
        self.tests = tests
        self.tools = dict(tools or {})
        self.user_turn = user_turn
        self.voice_instructions = voice_instructions
        self.never_away = never_away
        self.tracing = tracing
