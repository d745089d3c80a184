"""`cekura-kit watch TARGET [SCENARIOS]`: rehearse an agent's scenarios again on each saved file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ...watch.subject import Subject


def watch(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The agent's file, or FILE:NAME.")],
    scenarios: Annotated[
        Path | None,
        typer.Argument(metavar="[SCENARIOS]", help="Default: cekura.scenarios.yaml beside the agent's file."),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Suite that says what the agent is given. Default: cekura.yaml beside the agent's file, if it is of "
            "this agent.",
        ),
    ] = None,
    llm: Annotated[
        str,
        typer.Option(
            metavar="FILE|own",
            help="Model rules or a cassette that answers, or the agent's own model. Default: cekura.models.yaml beside "
            "the scenarios, if it exists.",
        ),
    ] = "",
    callers: Annotated[
        bool,
        typer.Option(
            "--callers",
            help="Play scenarios with a caller, too: each round asks the model that CEKURA_KIT_LLM_URL, _KEY and "
            "_MODEL name. Without it, only recorded callers are played.",
        ),
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Rehearse once, and exit.")] = False,
) -> None:
    """Rehearse the scenarios in memory, and again on each saved file that concerns them; Ctrl-C ends it.

    A file concerns them if the agent has imported or read it. Of a saved scenario file, the scenarios that changed are
    rehearsed, and those that failed; those that failed come first otherwise.

    Exit codes: 0 ended by Ctrl-C. With --once: 0 all scenarios hold, 1 some do not, 2 they could not be rehearsed.
    """
    from ...watch.edit_loop import EditLoop
    from ...watch.round_process import cool_down, warm_up
    from ...watch.subject import Subject
    from ...worker.libraries import libraries_of
    from .. import signals
    from ..console import terminal
    from ..round_display import RoundDisplay

    subject = Subject.find(target, scenarios, suite=suite, llm=llm, plays_callers=callers)
    display = RoundDisplay(terminal())
    display.heading(*_heading(subject))
    warm_up(libraries_of(subject.file))

    async def rounds() -> int:
        try:
            return await EditLoop(subject, display).run(once=once)
        finally:
            # Here, since a signal ends the command without unwinding it.
            cool_down()

    raise typer.Exit(signals.run(rounds(), interrupt_code=None if once else 0))


def _heading(subject: Subject) -> list[str]:
    from ...own_code import shown_path
    from ...watch.round_process import IS_FORKED

    model = shown_path(subject.llm) if subject.llm is not None else "the agent's own, asked in each round"
    given = f"; given to the agent: as in {shown_path(subject.suite)}" if subject.suite is not None else ""
    lines = [f"{shown_path(subject.target)} with {shown_path(subject.scenarios)}; model: {model}{given}"]
    if not IS_FORKED:
        lines.append("each round has a fresh process, which imports everything again: this platform cannot fork one")
    return lines
