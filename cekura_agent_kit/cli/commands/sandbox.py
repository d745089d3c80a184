"""`cekura-kit sandbox`: run stand-ins for everything hosted on this machine, for use by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...file_names import SCENARIOS, advice_on, default_file
from ..console import say


def sandbox(
    scenarios: Annotated[
        Path,
        typer.Option("--scenarios", metavar="FILE", help="What the evaluator says and expects to hear."),
    ] = Path(SCENARIOS),
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE", help="Faults of the stand-in for Cekura's API.")
    ] = None,
) -> None:
    """Run the sandbox and print its environment as export lines, until Ctrl-C, SIGTERM or SIGHUP.

    The exit code is 128 and the number of the signal that stopped it: 130, 143, 129.
    """
    from .. import signals

    if scenarios == Path(SCENARIOS):
        scenarios = default_file(Path(), SCENARIOS)
        if advice := advice_on(scenarios, SCENARIOS):
            say(advice, err=True)
    signals.run(_run(scenarios, faults))


async def _run(scenarios: Path, faults: Path | None) -> None:
    import asyncio
    import shlex

    from ...sandbox import Sandbox
    from ...sandbox.cekura.faults import load_faults

    plan = load_faults(faults) if faults else None
    async with Sandbox(scenarios, say=lambda text: say(text, err=True), faults=plan) as sandbox:
        for name, value in sandbox.environment.items():
            say(f"export {name}={shlex.quote(value)}")
        say("The sandbox is up. Press Ctrl-C to stop it.", err=True)
        await asyncio.Event().wait()
