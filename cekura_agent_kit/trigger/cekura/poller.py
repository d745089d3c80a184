"""One poller for all active runs: read in bulk, on an interval that adapts, until each is settled."""

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
from .client import BULK, Cekura, TryLater, first_line

_SLOWER: Final = 1.3
"""Factor by which the interval grows with each read without news."""
_MISSING: Final = 2
"""Bulk answers in a row without an id, after which it is read alone."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class FollowedRun:
    """A run that the poller reads.

    Attributes:
        run_id: of the run.
        latest: the run as it was read last; None before the first read.
        error: of the last read; None if it succeeded.
        final: set once the run is settled, or has been completed without a verdict for too long.
        missed: bulk answers in a row without this run.
    """

    def __init__(self, run_id: int, on_change: Callable[[], None]) -> None:
        self.run_id = run_id
        self._on_change = on_change
        self.latest: ApiRun | None = None
        self.error: CekuraError | None = None
        self.final = asyncio.Event()
        self.missed = 0
        self._verdict_due: float | None = None

    def update(self, run: ApiRun, *, no_verdict: float) -> bool:
        """Add what was read.

        Args:
            run: as it was read.
            no_verdict: seconds for which a completed run may lack its verdict.

        Returns:
            True for news: another status, or a verdict.
        """
        before = self.latest
        news = before is None or (run.status, run.verdict) != (before.status, before.verdict)
        self.latest, self.error, self.missed = run, None, 0
        now = asyncio.get_running_loop().time()
        if run.final and self._verdict_due is None:
            self._verdict_due = now + no_verdict
        if run.settled or (self._verdict_due is not None and now >= self._verdict_due):
            self.final.set()
        if news:
            self._on_change()
        return news


class Poller:
    """Reads all runs that are followed and not settled. An async context manager."""

    def __init__(self, cekura: Cekura, timing: Timing) -> None:
        self._cekura, self._timing = cekura, timing
        self._followed: dict[int, FollowedRun] = {}
        self._interval = timing.read_fastest
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)

    def close(self) -> None:
        """Read nothing any more: what is known of each run stays as it is."""
        if self._task:
            self._task.cancel()

    def follow(self, run_id: int, on_change: Callable[[], None] = lambda: None) -> FollowedRun:
        """Read this run from now on; ``on_change`` is called with each new status or verdict."""
        followed = self._followed[run_id] = FollowedRun(run_id, on_change)
        if self._task is None:
            self._task = asyncio.create_task(self._poll())
        self.read_soon()
        return followed

    def unfollow(self, run_id: int) -> None:
        """Stop reading this run."""
        self._followed.pop(run_id, None)

    def read_soon(self) -> None:
        """Return to the fastest interval, because a change is expected."""
        self._interval = self._timing.read_fastest
        self._woken.set()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._pause(since=loop.time())
            active = [followed for followed in self._followed.values() if not followed.final.is_set()]
            if not active:
                self._woken.clear()
                await self._woken.wait()
                continue
            news, retry_after = await self._read(active)
            if news:
                self._interval = self._timing.read_fastest
            else:
                self._interval = min(self._interval * _SLOWER, self._timing.read_slowest)
            if retry_after is not None:
                await asyncio.sleep(retry_after)

    async def _pause(self, *, since: float) -> None:
        """Wait for the interval, which `read_soon` may shorten meanwhile."""
        loop = asyncio.get_running_loop()
        while (rest := since + self._interval - loop.time()) > 0:
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._woken.wait()

    async def _read(self, active: list[FollowedRun]) -> tuple[bool, float | None]:
        """Read each run once. Returns whether there is news, and the seconds that Cekura asked to wait."""
        news, retry_after = False, None
        for chunk in _chunks(active, BULK):
            try:
                news |= await self._read_chunk(chunk)
            except TryLater as error:
                _failed(chunk, error)
                if error.retry_after is not None:
                    retry_after = max(retry_after or 0.0, error.retry_after)
            except CekuraError as error:
                _failed(chunk, error)
        return news, retry_after

    async def _read_chunk(self, chunk: list[FollowedRun]) -> bool:
        found = await self._read_bulk(chunk)
        news = False
        for followed in chunk:
            run = found.get(followed.run_id)
            if run is None:
                followed.missed += 1
                if followed.missed < _MISSING:
                    continue
                run = await self._read_alone(followed)
            if run is not None:
                news |= followed.update(run, no_verdict=self._timing.no_verdict)
        return news

    async def _read_bulk(self, chunk: list[FollowedRun]) -> dict[int, ApiRun]:
        """Read several runs at once; none where Cekura refuses these ids, so that each is read alone."""
        try:
            return {run.id: run for run in await self._cekura.runs([followed.run_id for followed in chunk])}
        except CekuraRefused as error:
            if error.status in (401, 403):
                raise
            # It may not accept so many ids, or one that it does not know.
            for followed in chunk:
                followed.missed = _MISSING
            return {}

    async def _read_alone(self, followed: FollowedRun) -> ApiRun | None:
        try:
            run = await self._cekura.run(followed.run_id)
        except CekuraRefused as error:
            _failed([followed], error)
            return None
        return run if run is not None and run.id == followed.run_id else None


def _failed(followed: Iterable[FollowedRun], error: CekuraError) -> None:
    _log.debug("a read failed: %s", first_line(error))
    for each in followed:
        each.error = error


def _chunks(followed: list[FollowedRun], size: int) -> Iterable[list[FollowedRun]]:
    for index in range(0, len(followed), size):
        yield followed[index : index + size]
