"""One poller for all active runs: read in bulk, on an interval that adapts, until each is final."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self

from ...errors import CekuraError, CekuraRefused
from ..timing import Timing
from .api_models import ApiRun
from .client import BULK, Cekura, TryLater, explain

_SLOWER: Final = 1.3
"""By what the interval grows with each read that told nothing new."""
_MISSING: Final = 2
"""Bulk replies in a row without an id, after which it is read alone."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class FollowedRun:
    """A run that is being read. ``on_change`` is called with each new status; ``error`` is the last read's."""

    def __init__(self, run_id: int, on_change: Callable[[], None]) -> None:
        self.run_id = run_id
        self._on_change = on_change
        self.latest: ApiRun | None = None
        self.error: CekuraError | None = None
        self.final = asyncio.Event()
        self.missed = 0

    def update(self, run: ApiRun) -> bool:
        """Take in what was read. Returns whether it is new."""
        new = self.latest is None or run.status != self.latest.status
        self.latest, self.error, self.missed = run, None, 0
        if run.final:
            self.final.set()
        if new:
            self._on_change()
        return new


class Poller:
    """Reads all runs that are followed and not final. An async context manager."""

    def __init__(self, cekura: Cekura, timing: Timing) -> None:
        self._cekura, self._timing = cekura, timing
        self._readings: dict[int, FollowedRun] = {}
        self._interval = timing.read_fastest
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def follow(self, run_id: int, on_change: Callable[[], None] = lambda: None) -> FollowedRun:
        """Read this run from now on."""
        reading = self._readings[run_id] = FollowedRun(run_id, on_change)
        if self._task is None:
            self._task = asyncio.create_task(self._poll())
        self.read_soon()
        return reading

    def unfollow(self, run_id: int) -> None:
        """Read it no more."""
        self._readings.pop(run_id, None)

    def read_soon(self) -> None:
        """Something is about to change: read at the fastest interval again."""
        self._interval = self._timing.read_fastest
        self._woken.set()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._turn(since=loop.time())
            active = [reading for reading in self._readings.values() if not reading.final.is_set()]
            if not active:
                self._woken.clear()
                await self._woken.wait()
                continue
            news, pause = await self._read(active)
            if news:
                self._interval = self._timing.read_fastest
            else:
                self._interval = min(self._interval * _SLOWER, self._timing.read_slowest)
            if pause is not None:
                await asyncio.sleep(pause)

    async def _turn(self, *, since: float) -> None:
        """Until the interval has passed, which `read_soon` may shorten meanwhile."""
        loop = asyncio.get_running_loop()
        while (rest := since + self._interval - loop.time()) > 0:
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), rest)

    async def _read(self, active: list[FollowedRun]) -> tuple[bool, float | None]:
        """Read each once. Returns whether there is news, and for how long Cekura asked to be left alone."""
        news, pause = False, None
        for chunk in _chunks(active, BULK):
            try:
                news |= await self._read_chunk(chunk)
            except TryLater as error:
                pause = max(pause or 0.0, error.retry_after or 0.0)
                self._failed(chunk, error)
            except CekuraError as error:
                self._failed(chunk, error)
        return news, pause

    async def _read_chunk(self, chunk: list[FollowedRun]) -> bool:
        try:
            runs = {run.id: run for run in await self._cekura.runs([reading.run_id for reading in chunk])}
        except CekuraRefused as error:
            if error.status in (401, 403):
                raise
            # It may not take so many ids, or one that it does not know.
            runs = {}
            for reading in chunk:
                reading.missed = _MISSING
        news = False
        for reading in chunk:
            run = runs.get(reading.run_id)
            if run is None:
                reading.missed += 1
                if reading.missed < _MISSING:
                    continue
                run = await self._read_alone(reading)
            if run is not None:
                news |= reading.update(run)
        return news

    async def _read_alone(self, reading: FollowedRun) -> ApiRun | None:
        try:
            run = await self._cekura.run(reading.run_id)
        except CekuraRefused as error:
            self._failed([reading], error)
            return None
        return run if run is not None and run.id == reading.run_id else None

    def _failed(self, readings: Iterable[FollowedRun], error: CekuraError) -> None:
        _log.debug("a read failed: %s", explain(error))
        for reading in readings:
            reading.error = error


def _chunks(readings: list[FollowedRun], size: int) -> Iterable[list[FollowedRun]]:
    for index in range(0, len(readings), size):
        yield readings[index : index + size]
