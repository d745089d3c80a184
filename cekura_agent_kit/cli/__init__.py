"""Command ``cekura-kit``. Each subcommand imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from .. import __version__
from ..errors import KitError
from .doctor import doctor
from .init import init
from .report import report
from .run_command import run
from .sandbox import sandbox
from .schema import schema
from .stdio import protect
from .sweep import sweep
from .worker_command import worker

app = typer.Typer(
    name="cekura-kit",
    help="Test a LiveKit voice agent with Cekura, from the agent's own repo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cekura-kit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


# In the order in which a newcomer uses them.
for command in (init, run, doctor, sandbox, worker, sweep, report, schema):
    app.command()(command)


def print_error(error: KitError) -> None:
    """Print on stderr what happened and what to do about it."""
    from ..report.sanitize import console_text

    typer.echo(console_text(f"cekura-kit: {error}"), err=True)
    if error.hint:
        typer.echo(console_text(f"  hint: {error.hint}"), err=True)


def main() -> None:
    """Run the command. A `KitError` is printed as message and hint, without a traceback; the exit code is 2."""
    protect()
    try:
        app()
    except KitError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("CEKURA_KIT_DEBUG"):
            raise
        print_error(
            KitError(
                f"a fault in cekura-kit: {type(error).__name__}",
                hint="run the command again with CEKURA_KIT_DEBUG=1 to get a traceback, and report it",
            )
        )
        sys.exit(2)
