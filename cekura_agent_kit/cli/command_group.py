"""Group of the subcommands, which imports the one that is named, and prints the help of the whole without any.

The look of that help is typer's own. Its renderer imports a Markdown parser and a highlighter of tracebacks, which take
longer than all else that this help needs.
"""

from __future__ import annotations

from typing import Any, Final

from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from .console import Terminal
from .subcommands import SUBCOMMANDS, LazyCommands

_FORMS: Final = ("opts", "secondary_opts")
_LONG: Final = "bold cyan"
_SHORT: Final = "bold green"
_TYPE: Final = "bold yellow"
_USAGE: Final = "Usage: "


class CommandGroup(TyperGroup):
    """The group. Its help lists `SUBCOMMANDS`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LazyCommands()

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in order."""
        return list(self.commands)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print usage, options and subcommands."""
        terminal = Terminal(highlight=False, markup=False, emoji=False)
        usage = Text(self.get_usage(ctx), style="bold")
        usage.highlight_words([_USAGE], style="yellow")
        terminal.print(Padding(usage, 1))
        terminal.print(Padding(self.help or "", (0, 1, 1, 1)))
        terminal.print(_panel("Options", _options([_option(each, ctx) for each in self.get_params(ctx)])))
        terminal.print(_panel("Commands", _commands()))


def _panel(title: str, table: Table) -> Panel:
    return Panel(table, title=title, title_align="left", border_style="dim")


def _grid() -> Table:
    return Table(box=None, show_header=False, expand=True, pad_edge=False)


def _options(rows: list[list[str]]) -> Table:
    table = _grid()
    for style in (*(style for _ in _FORMS for style in (_LONG, _SHORT)), _TYPE):
        table.add_column(style=style)
    table.add_column(ratio=1)
    for row in rows:
        table.add_row(*row)
    return table


def _option(parameter: Any, ctx: Any) -> list[str]:
    """Return long and short forms, those that negate it, its type, and its help."""
    cells = []
    for form in _FORMS:
        names = getattr(parameter, form)
        cells.append(",".join(each for each in names if each.startswith("--")))
        cells.append(",".join(each for each in names if not each.startswith("--")))
    # Some versions of typer show the type of a flag, too.
    shown = getattr(parameter, "display_type_rich", None)
    kind = shown(ctx=ctx) if shown is not None else None
    return [*cells, kind or "", parameter.help or ""]


def _commands() -> Table:
    table = _grid()
    table.add_column(style=_LONG, no_wrap=True, width=max(map(len, SUBCOMMANDS)))
    table.add_column(ratio=10)
    for name, subcommand in SUBCOMMANDS.items():
        table.add_row(name, Text(subcommand.summary))
    return table
