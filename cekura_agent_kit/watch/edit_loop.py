"""The edit loop: a round at the start, and one after each saved file that concerns the rehearsals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import watchfiles

from ..errors import TargetError
from .findings import Broken, Ended, Finding, Order, Result
from .round_process import RoundProcess
from .subject import Subject

_GROUPED: Final = 100
"""Milliseconds within which saves are one: editors write, rename and delete for one save."""
_STEP: Final = 10
"""Milliseconds without a further change after which a save is complete."""
_TICK: Final = 200
"""Milliseconds after which a quiet watch reports, so that it is known to have begun."""


@dataclass(frozen=True)
class Cause:
    """The reason for a round.

    Attributes:
        files: the saved files; empty at the start.
        at: Unix time of the save, or of the start.
    """

    files: tuple[Path, ...] = ()
    at: float = field(default_factory=time.time)


@dataclass
class Totals:
    """The results of one round.

    Attributes:
        passed: number of scenarios that hold.
        failed: number of those that do not.
        first: seconds from the save, or the start, to the first result; None without a result.
        broken: nothing could be rehearsed, or the round's process died.
    """

    passed: int = 0
    failed: int = 0
    first: float | None = None
    broken: bool = False

    @property
    def exit_code(self) -> int:
        """0: all scenarios hold; 1: one does not; 2: they could not be rehearsed."""
        return 2 if self.broken else 1 if self.failed else 0


class Display(Protocol):
    """Shows an edit loop to a person."""

    def began(self, cause: Cause) -> None:
        """Show that a round begins."""

    def found(self, finding: Finding) -> None:
        """Show a finding."""

    def ended(self, totals: Totals, seconds: float) -> None:
        """Show that the round has ended."""

    def cut(self) -> None:
        """Show that a save has ended the round."""

    def waits(self) -> None:
        """Show that the loop waits for a save."""


class EditLoop:
    """Runs rounds until it is cancelled.

    Args:
        subject: what is rehearsed.
        display: shows it.
        start_round: returns the process of a round.
    """

    def __init__(
        self, subject: Subject, display: Display, start_round: Callable[[Subject, Order], RoundProcess] = RoundProcess
    ) -> None:
        self._subject, self._display, self._start_round = subject, display, start_round
        self._memory = Memory(subject)
        self._saved: set[Path] = set()
        self._states: dict[Path, tuple[int, int, int] | None] = {}
        self._change = asyncio.Event()
        self._watching = asyncio.Event()

    async def run(self, *, once: bool = False) -> int:
        """Run rounds.

        Args:
            once: run the first one only.

        Returns:
            Exit code of the last round, see `Totals.exit_code`.
        """
        if once:
            return (await self._round(Cause())).exit_code
        watching = asyncio.create_task(self._watch())
        try:
            cause = Cause()
            while True:
                await self._round_until_saved(cause, watching)
                cause = await self._next_cause(watching)
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _round_until_saved(self, cause: Cause, watching: asyncio.Task[None]) -> None:
        running = asyncio.create_task(self._round(cause))
        saved = asyncio.create_task(self._change.wait())
        try:
            await asyncio.wait([running, saved, watching], return_when=asyncio.FIRST_COMPLETED)
        finally:
            was_cut = not running.done()
            for each in (running, saved):
                each.cancel()
            await asyncio.wait([running, saved])
        if was_cut:
            self._display.cut()
        else:
            running.result()

    async def _next_cause(self, watching: asyncio.Task[None]) -> Cause:
        """Wait until a file that concerns the rehearsals is saved."""
        await self._first_of(self._watching, watching)
        if not self._saved:
            self._display.waits()
        await self._first_of(self._change, watching)
        files, self._saved = tuple(sorted(self._saved)), set()
        self._change.clear()
        self._memory.forget(files)
        return Cause(files, at=_saved_at(files))

    @staticmethod
    async def _first_of(event: asyncio.Event, watching: asyncio.Task[None]) -> None:
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait([waiting, watching], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if watching.done():
            watching.result()

    async def _watch(self) -> None:
        """Note the saved files that concern the rehearsals.

        Raises:
            TargetError: the system cannot watch the folders: too many, or one that is gone.
        """
        try:
            await self._note_changes()
        except (OSError, RuntimeError) as error:
            folders = ", ".join(map(str, self._subject.folders))
            raise TargetError(
                f"{folders}: cannot be watched ({error})",
                hint="start it in the agent's own folder; on Linux, fs.inotify.max_user_watches limits the folders",
            ) from None

    async def _note_changes(self) -> None:
        changes = watchfiles.awatch(
            *self._subject.folders, debounce=_GROUPED, step=_STEP, rust_timeout=_TICK, yield_on_timeout=True
        )
        async with aclosing(changes):
            async for found in changes:
                self._watching.set()
                files = {path for _, name in found if self._memory.concerns(path := Path(name))}
                if files := {path for path in files if self._is_news(path)}:
                    self._saved |= files
                    self._change.set()

    def _is_news(self, path: Path) -> bool:
        """Return false for a file as it was at its last change: one save is reported several times."""
        state = None
        with suppress(OSError):
            stat = path.stat()
            state = stat.st_mtime_ns, stat.st_size, stat.st_ino
        is_news = path not in self._states or self._states[path] != state
        self._states[path] = state
        return is_news

    async def _round(self, cause: Cause) -> Totals:
        totals = Totals()
        self._display.began(cause)
        process = self._start_round(self._subject, self._memory.order())
        try:
            await asyncio.to_thread(process.start)
            began = time.monotonic()
            while not totals.broken:
                finding = await asyncio.to_thread(process.next)
                if isinstance(finding, Result):
                    totals.first = totals.first if totals.first is not None else time.time() - cause.at
                    totals.failed += bool(finding.problems)
                    totals.passed += not finding.problems
                totals.broken = isinstance(finding, Broken)
                self._memory.add(finding)
                if isinstance(finding, Ended):
                    break
                self._display.found(finding)
        finally:
            await asyncio.shield(asyncio.to_thread(process.end))
        self._display.ended(totals, time.monotonic() - began)
        return totals


class Memory:
    """Memory of the rounds before, for the next one.

    Args:
        subject: what is rehearsed.
    """

    def __init__(self, subject: Subject) -> None:
        named = [subject.file, subject.scenarios, *(each for each in (subject.suite, subject.llm) if each is not None)]
        self._scenarios = subject.scenarios.resolve()
        self._files = {each.resolve() for each in named}
        self._done: dict[int, str] = {}
        self._failed: set[int] = set()
        self._is_broken = False

    def order(self) -> Order:
        """Return what the next round is to do."""
        return Order(dict(self._done), frozenset(self._failed))

    def add(self, finding: Finding) -> None:
        """Note a finding."""
        if isinstance(finding, Result):
            self._done[finding.id] = finding.digest
            (self._failed.add if finding.problems else self._failed.discard)(finding.id)
        elif isinstance(finding, Ended):
            self._files |= {Path(each) for each in finding.files}
            self._is_broken = False
        elif isinstance(finding, Broken):
            self._is_broken = True

    def concerns(self, path: Path) -> bool:
        """Return true if a file was named, or the agent imported or read it.

        After an import that failed, nobody knows what else the agent would have imported: any Python file is.
        """
        path = path.resolve()
        return path in self._files or (self._is_broken and path.suffix == ".py")

    def forget(self, files: Iterable[Path]) -> None:
        """Forget the results that saved files have made old: all, unless only the scenario file was saved."""
        if any(each.resolve() != self._scenarios for each in files):
            self._done = {}


def _saved_at(files: Iterable[Path]) -> float:
    """Return the time at which the last of the files was written; of deleted ones, now."""
    times = []
    for each in files:
        with suppress(OSError):
            times.append(each.stat().st_mtime)
    return max(times, default=time.time())
