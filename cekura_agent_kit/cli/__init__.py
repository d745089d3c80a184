"""Command ``cekura-kit``. A subcommand is imported when it is named, and imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from .. import __version__
from ..errors import KitError, SuiteError
from ..usage_data import send_none
from . import signals
from .command_group import CommandGroup
from .console import captured_logs, say, say_error, say_traceback
from .json_errors import wants_json, write_error
from .stdio import protect

app = typer.Typer(
    name="cekura-kit",
    cls=CommandGroup,
    help="Test a LiveKit voice agent with Cekura, from the agent's own repo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"cekura-kit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command. A `KitError` is printed as message and hint, without a traceback; the exit code is 2."""
    protect()
    send_none()
    signals.install()
    try:
        _check_arguments(sys.argv[1:])
        with captured_logs(printed=False):
            _run_command(sys.argv[1:])
    except KitError as error:
        say_error(error)
        _leave(error)
    except Exception as error:  # noqa: BLE001 - the last place where a fault can become two lines
        fault = KitError(
            f"a fault in cekura-kit: {type(error).__name__}",
            hint="run the command again with CEKURA_KIT_DEBUG=1 to get a traceback, and report it",
        )
        if os.environ.get("CEKURA_KIT_DEBUG"):
            say_traceback()
        else:
            say_error(fault)
        _leave(fault)


def _run_command(arguments: list[str]) -> None:
    """Run the command that the arguments name.

    Raises:
        KitError: also for a wrong command line, if it asks for JSON; else the library prints its error.
    """
    if not wants_json(arguments):
        app()
        return
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        # The library's own errors have no class in common that every version of typer exports.
        if (message := getattr(error, "format_message", None)) is None:
            raise
        raise KitError(message(), hint="run the command with --help for its options") from None
    sys.exit(code)


def _leave(error: KitError) -> NoReturn:
    """Exit with the error's code, after its JSON was written where it was asked for."""
    write_error(error, sys.argv[1:])
    signals.leave_if_signalled()
    sys.exit(error.exit_code)


def _check_arguments(arguments: list[str]) -> None:
    """Refuse control characters: errors about arguments are printed by a library, as they are.

    Raises:
        SuiteError: an argument has one.
    """
    from ..report.sanitize import printable

    for number, argument in enumerate(arguments, start=1):
        if printable(argument) != argument.replace("\r\n", "\n"):
            raise SuiteError(
                f"argument {number} has a character that would control the terminal: {argument}",
                hint="type the argument again without it",
            )
