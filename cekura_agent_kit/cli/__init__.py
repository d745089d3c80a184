"""The command ``cekura-kit``: a thin face of the Python calls. Each command imports what it needs when it runs."""

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
from .sweep import sweep

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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


# In the order of their first use.
for command in (init, run, doctor, sandbox, sweep, report, schema):
    app.command()(command)


def complain(error: KitError) -> None:
    """Say on stderr what happened and what to do."""
    typer.echo(f"cekura-kit: {error}", err=True)
    if error.hint:
        typer.echo(f"  hint: {error.hint}", err=True)


def main() -> None:
    """The console script. Every error of ours is two lines and exit code 2, never a traceback."""
    try:
        app()
    except KitError as error:
        complain(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("CEKURA_KIT_DEBUG"):
            raise
        complain(
            KitError(
                f"a fault of cekura-kit's own: {type(error).__name__}",
                hint="run again with CEKURA_KIT_DEBUG=1 for the traceback, and report it",
            )
        )
        sys.exit(2)
