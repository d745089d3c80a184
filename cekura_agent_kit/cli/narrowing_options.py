"""Options of `run` that narrow a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..trigger.narrowing import Narrowing

_PANEL = "Part of the suite: cases keep their numbers"

TagOption = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", rich_help_panel=_PANEL, help="Scenarios with this tag, or another one given."),
]
ScenarioOption = Annotated[
    list[int] | None,
    typer.Option("--scenario", metavar="ID", rich_help_panel=_PANEL, help="This scenario, or another one given."),
]
EntryOption = Annotated[
    list[str] | None,
    typer.Option("--entry", metavar="NAME", rich_help_panel=_PANEL, help="This entry of `runs`, or another one given."),
]
ExpressionOption = Annotated[
    str,
    typer.Option(
        "-k",
        metavar="EXPR",
        rich_help_panel=_PANEL,
        help="Words with and, or, not, searched in case, entry, mode, and the scenario's name, folder and tags.",
    ),
]


def narrowing_of(
    tags: Sequence[str] | None, scenarios: Sequence[int] | None, entries: Sequence[str] | None, expression: str
) -> Narrowing:
    """Return the options' conditions.

    Raises:
        SuiteError: the expression is not one.
    """
    from ..trigger.expression import compiled
    from ..trigger.narrowing import Narrowing

    if expression:
        compiled(expression)
    return Narrowing(
        tags=tuple(tags or ()), scenarios=tuple(scenarios or ()), entries=tuple(entries or ()), expression=expression
    )
