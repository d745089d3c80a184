"""Display of the edit loop: a line for each scenario, and the conversation of each that failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ..counting import counted
from ..report.sanitize import console_line
from .console import flush

if TYPE_CHECKING:
    from ..watch.edit_loop import Cause, Totals
    from ..watch.findings import Broken, Finding, Result


class RoundDisplay:
    """Prints rounds, one below the other; colours are for a terminal alone.

    Args:
        console: prints.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_saved = False

    def heading(self, *lines: str) -> None:
        """Print what is watched."""
        for line in lines:
            self._say(line)

    def began(self, cause: Cause) -> None:
        """Print what was saved."""
        self._is_saved = bool(cause.files)
        saved = f" · {', '.join(dict.fromkeys(path.name for path in cause.files))} saved" if cause.files else ""
        self._say(f"\n── {time.strftime('%H:%M:%S')}{saved} ──", style="bold")

    def found(self, finding: Finding) -> None:
        """Print a finding."""
        from ..watch.findings import Broken, Planned, Result

        if isinstance(finding, Planned):
            among = counted(finding.among, "scenario")
            self._say(among if len(finding.ids) == finding.among else f"{len(finding.ids)} of {among}")
            if finding.left_out:
                left_out = ", ".join(map(str, finding.left_out))
                self._say(f"left out, as a model would be asked for their caller (--callers): {left_out}")
        elif isinstance(finding, Result):
            self._result(finding)
        elif isinstance(finding, Broken):
            self._broken(finding)

    def ended(self, totals: Totals, seconds: float) -> None:
        """Print the counts and the time."""
        if totals.broken:
            return
        counts = [
            f"{number} {what}" for number, what in ((totals.failed, "failed"), (totals.passed, "passed")) if number
        ]
        first = ""
        if self._is_saved and totals.first is not None:
            first = f"; first result {totals.first:.2f} s after the save"
        style = "bold red" if totals.failed else "bold green"
        self._say(f"{', '.join(counts) or 'nothing to rehearse'} in {seconds:.2f} s{first}", style=style)

    def cut(self) -> None:
        """Print that a save has ended the round."""
        self._say("ended by a save")

    def waits(self) -> None:
        """Print that nothing goes on."""
        self._say("waiting for a saved file; Ctrl-C ends")

    def _result(self, result: Result) -> None:
        mark, style = ("✗", "red") if result.problems else ("✓", "green")
        self._say(f"{mark} {result.id} {console_line(result.name)}  {result.seconds:.2f} s", style=style)
        for each in result.problems:
            self._say(f"  {each}", style="bold")
        self._section(result.talk)
        self._output(result.output)

    def _broken(self, broken: Broken) -> None:
        self._say(f"! {broken.reason}", style="bold red")
        if broken.hint:
            self._say(f"  hint: {broken.hint}")
        self._output(broken.output)

    def _output(self, output: str) -> None:
        if output:
            self._say("  printed:")
            self._section(output)

    def _section(self, text: str) -> None:
        for line in text.splitlines():
            self._say(f"    {line}".rstrip())

    def _say(self, line: str, *, style: str = "") -> None:
        self._console.print(Text(line, style=style))
        flush()
