"""Progress of a suite: rows that change on a terminal, plain lines in a log."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from rich.console import Console, RenderableType
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from ..counting import counted
from ..report.durations import clock, duration
from ..report.phrases import speaker, started
from ..report.sanitize import console_line
from ..report.terminal import MARKS, STYLES, finished, on_terminal
from ..report.transcript_lines import line_text
from ..trigger.progress import Ended, Event, Finished, Noted, Planned, Preparing, Said, Stage, Started
from ..verdict import Line, Outcome

STAGES: Final = {
    "": "waiting to start",
    "room": "room created",
    "agent_joined": "agent joined",
    "agent_ready": "agent ready",
    "started": "waiting for the evaluator",
    "evaluator_joined": "talking",
    "first_reply": "talking",
    "ended": "waiting for the verdict",
    "verdict": "verdict known",
}
_LOGGED_STAGES: Final = ("agent_ready", "started", "evaluator_joined", "ended")
_MANY: Final = 20
"""Runs from which a log has only one line for each, its verdict."""
_FOLLOWED: Final = 5
"""Runs up to which a terminal prints every line; more conversations cannot be read at once, and each has its row."""
_SILENCE: Final = 60.0
"""Seconds without output after which a log prints what is going on: CI services stop a silent job."""


@dataclass
class _Row:
    mode: str
    stage: str = ""
    since: float = 0.0
    conversation_start: float | None = None
    """Seconds from the suite's start, as `report.durations` counts: the evaluator's join, or words before it."""
    last_line: str = ""


class Live:
    """Display of a suite's progress, from the start of its ``with`` block to the end.

    Args:
        console: a terminal shows rows that change, anything else gets one plain line for each change.
        follow: show each line of each conversation when it is said.
        silence: seconds without output after which a log prints what is going on.
    """

    def __init__(self, console: Console, *, follow: bool = False, silence: float = _SILENCE) -> None:
        self._console = console
        self._follow = follow
        self._silence = silence
        self._rows: dict[str, _Row] = {}
        self._counts: Counter[Outcome] = Counter()
        self._planned = 0
        self._preparing = ""
        """What all runs wait for; empty once one of them has begun."""
        self._began = self._printed = time.monotonic()
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._watch: threading.Thread | None = None
        self._live = (
            RichLive(
                console=console,
                get_renderable=self._renderable,
                refresh_per_second=8,
                transient=True,
                vertical_overflow="crop",
            )
            if on_terminal(console)
            else None
        )

    def __enter__(self) -> Self:
        self._began = self._printed = time.monotonic()
        if self._live:
            self._live.start()
        else:
            self._watch = threading.Thread(target=self._break_silence, name="cekura-kit-live", daemon=True)
            self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        if self._watch:
            self._watch.join()
        if self._live:
            self._live.stop()

    def on_event(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            match event:
                case Planned():
                    self._plan(event)
                case Preparing():
                    self._prepare(event)
                case Started():
                    self._line(Text(console_line(started(event.result))))
                case Stage():
                    self._move(event)
                case Said():
                    self._show_line(event.case, event.line)
                case Noted():
                    self._line(
                        Text.assemble((f"{console_line(event.case)} note  ".lstrip(), "yellow"), _shown(event.text))
                    )
                case Finished():
                    self._finish(event)
                case Ended():
                    self._rows.clear()

    def _plan(self, event: Planned) -> None:
        # The suite's clock, of which all times of events are, starts with its plan.
        self._began = time.monotonic()
        self._planned = len(event.cases)
        self._rows = {each.case: _Row(each.mode.value) for each in event.cases}
        if not self._live:
            self._line(Text(f"{counted(self._planned, 'run')} planned"))

    def _prepare(self, event: Preparing) -> None:
        self._preparing = console_line(event.text, 200)
        if not self._live:
            self._line(Text(self._preparing))

    def _move(self, event: Stage) -> None:
        row = self._rows.get(event.case)
        if row is None:
            return
        self._preparing = ""
        if not row.stage:
            row.since = time.monotonic()
        if event.stage == "evaluator_joined":
            words = row.conversation_start
            row.conversation_start = event.at if words is None else min(event.at, words)
        row.stage = event.stage
        if not self._live and self._planned <= _MANY and event.stage in _LOGGED_STAGES:
            self._line(Text(f"{console_line(event.case)}  {STAGES[event.stage]}"))

    def _show_line(self, case: str, line: Line) -> None:
        row = self._rows.setdefault(case, _Row(""))
        if row.conversation_start is None:
            # The first words may be received before the evaluator is listed.
            row.conversation_start = line.at
        row.last_line = f"{console_line(speaker(line))}: {console_line(line_text(line), 300)}"
        if self._follow and (not self._live or self._planned <= _FOLLOWED):
            at = clock(line.at - (row.conversation_start or 0.0)) if line.at is not None else ""
            style = {"agent": "cyan", "evaluator": "bold"}.get(line.role, "dim")
            who = (f"{console_line(speaker(line)):<10} ", style)
            self._line(
                Text.assemble((f"{console_line(case)}  ", "dim"), (f"{at:>6} ", "dim"), who, _shown(line_text(line)))
            )

    def _finish(self, event: Finished) -> None:
        self._rows.pop(event.case, None)
        self._counts[event.verdict.outcome] += 1
        count = f"[{self._counts.total()}/{self._planned}] " if self._planned > 1 else ""
        self._line(Text.assemble((count, "dim"), finished(event.verdict, duration(event.verdict))))

    def _line(self, text: Text) -> None:
        self._printed = time.monotonic()
        if self._live:
            self._console.print(text, soft_wrap=True)
        else:
            self._console.print(
                Text.assemble((f"{clock(self._printed - self._began):>7}  ", "dim"), text), soft_wrap=True
            )

    def _renderable(self) -> RenderableType:
        with self._lock:
            now = time.monotonic()
            rows = [(case, row) for case, row in self._rows.items() if row.stage]
            grid = Table.grid(padding=(0, 2))
            grid.add_column(no_wrap=True)
            grid.add_column(no_wrap=True, style="dim")
            grid.add_column(no_wrap=True, min_width=len("waiting for the evaluator"))
            grid.add_column(no_wrap=True, style="dim", justify="right")
            grid.add_column(no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
            room = max(self._console.height - 4, 1)
            for case, row in rows[:room]:
                grid.add_row(
                    console_line(case), row.mode, STAGES[row.stage], clock(now - row.since), _shown(row.last_line)
                )
            if len(rows) > room:
                grid.add_row(f"and {len(rows) - room} more")
            whole = Table.grid(expand=True)
            whole.add_row(self._summary(now))
            whole.add_row(grid)
            return whole

    def _summary(self, now: float) -> Text:
        parts: list[str | tuple[str, str]] = [(clock(now - self._began)[:-2], "bold")]
        for outcome in Outcome:
            if count := self._counts[outcome]:
                parts += [" · ", (f"{MARKS[outcome]} {count} {outcome.value}", STYLES[outcome])]
        going = sum(bool(row.stage) for row in self._rows.values())
        parts += [f" · {self._preparing}"] if self._preparing else []
        parts.append(f" · {going} running · {len(self._rows) - going} waiting")
        return Text.assemble(*parts)

    def _break_silence(self) -> None:
        while not self._over.wait(max(self._silence - (time.monotonic() - self._printed), 0.01)):
            with self._lock:
                if time.monotonic() - self._printed < self._silence:
                    continue
                stages = Counter(STAGES[row.stage] for row in self._rows.values())
                going = ", ".join(f"{count} {stage}" for stage, count in stages.items())
                self._line(Text(f"still running: {self._preparing or going or 'preparing'}", style="dim"))


def _shown(text: str) -> Text:
    return Text(console_line(text))
