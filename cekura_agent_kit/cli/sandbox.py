"""`cekura-kit sandbox`: run stand-ins for everything hosted on this machine, for use by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import say


def sandbox(
    scenarios: Annotated[
        Path,
        typer.Option("--scenarios", metavar="FILE", help="What the evaluator says and expects to hear."),
    ] = Path("scenarios.yaml"),
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE", help="Faults of the stand-in for Cekura's API.")
    ] = None,
) -> None:
    """Run the sandbox and print its environment as export lines, until Ctrl-C, SIGTERM or SIGHUP."""
    import asyncio

    asyncio.run(_until_signalled(scenarios, faults))


async def _until_signalled(scenarios: Path, faults: Path | None) -> None:
    import asyncio
    import signal

    running = asyncio.create_task(_run(scenarios, faults))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # `nohup` starts a command with SIGHUP ignored, because the command must survive its terminal.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    # Waited for, not awaited: a signal is the ordinary end, not an error.
    await asyncio.wait({running})
    if not running.cancelled():
        running.result()


async def _run(scenarios: Path, faults: Path | None) -> None:
    import asyncio
    import shlex

    from ..sandbox import Sandbox
    from ..sandbox.cekura.faults import load_faults

    plan = load_faults(faults) if faults else None
    async with Sandbox(scenarios, say=lambda text: say(text, err=True), faults=plan) as sandbox:
        for name, value in sandbox.environment.items():
            say(f"export {name}={shlex.quote(value)}")
        say("The sandbox is up. Press Ctrl-C to stop it.", err=True)
        await asyncio.Event().wait()
