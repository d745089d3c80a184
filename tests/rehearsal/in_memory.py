"""A shape of agent as a job in a room in memory, without the fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cekura_agent_kit.contract import Mode, job_metadata
from cekura_agent_kit.rehearsal.internals.job import job_process
from cekura_agent_kit.rehearsal.internals.sessions import install
from cekura_agent_kit.rehearsal.job import Job
from cekura_agent_kit.rehearsal.room import MemoryRoom
from cekura_agent_kit.worker.target import Target
from tests.shapes import Shape

PATIENCE = 20.0


class NoListener:
    model = None

    def session_starting(self, session: Any, *, is_captured: bool) -> None: ...
    def session_started(self, session: Any) -> None: ...
    def words_processed(self, stream_id: str, error: Exception | None) -> None: ...


@asynccontextmanager
async def in_memory(shape: Shape) -> AsyncIterator[MemoryRoom]:
    """Run the shape's entrypoint; it has connected."""
    install()
    room = MemoryRoom()
    metadata = job_metadata(Mode.TEXT, scenario=1, suite="parity", case="1#1")
    target = Target(shape.entrypoint)  # type: ignore[arg-type]
    job = Job(target, target.entrypoint, metadata=metadata, process=job_process(), room=room, listener=NoListener())
    await room.until(room.isconnected, timeout=PATIENCE)
    yield room
    await room.close()
    await job.end("")
    assert job.failure is None
