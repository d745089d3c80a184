"""`cekura-kit sandbox`: everything hosted, kept up on this machine, for use by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sandbox(
    scenarios: Annotated[
        Path, typer.Option("--scenarios", metavar="F", help="What the evaluator says and wants to hear.")
    ] = Path("scenarios.yaml"),
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="F", help="How the stand-in for Cekura's API misbehaves.")
    ] = None,
) -> None:
    """Keep the sandbox up and print its environment as export lines. Ends on Ctrl-C or SIGTERM."""
    import asyncio

    asyncio.run(_until_signalled(scenarios, faults))


async def _until_signalled(scenarios: Path, faults: Path | None) -> None:
    import asyncio
    import signal

    keeping = asyncio.create_task(_keep(scenarios, faults))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, keeping.cancel)
    # Not awaited itself: a signal is the ordinary end, and no error.
    await asyncio.wait({keeping})
    if not keeping.cancelled():
        keeping.result()


async def _keep(scenarios: Path, faults: Path | None) -> None:
    import asyncio
    import shlex

    from ..sandbox import Sandbox
    from ..sandbox.cekura.faults import load_faults

    misbehaving = load_faults(faults) if faults else None
    async with Sandbox(scenarios, say=lambda text: typer.echo(text, err=True), faults=misbehaving) as sandbox:
        for name, value in sandbox.environment.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
        typer.echo("The sandbox is up; Ctrl-C ends it.", err=True)
        await asyncio.Event().wait()
