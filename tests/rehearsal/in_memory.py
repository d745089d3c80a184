"""An entrypoint as a job in a room in memory, without the fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cekura_agent_kit.contract import JobMetadata, Mode
from cekura_agent_kit.rehearsal.dispatched import Dispatched
from cekura_agent_kit.rehearsal.environment import environment
from cekura_agent_kit.rehearsal.internals import api
from cekura_agent_kit.rehearsal.internals.job import job_process
from cekura_agent_kit.rehearsal.internals.models import Models
from cekura_agent_kit.rehearsal.internals.sessions import install
from cekura_agent_kit.rehearsal.job import Job
from cekura_agent_kit.rehearsal.room.room import MemoryRoom
from cekura_agent_kit.worker.target import Target

PATIENCE = 20.0


class NoListener:
    models: Models | None = None

    def session_starting(self, session: Any) -> None: ...
    def session_started(self, session: Any) -> None: ...
    def words_processed(self, stream_id: str, error: Exception | None) -> None: ...
    def words_not_received(self, handler: Any) -> None: ...


@asynccontextmanager
async def in_memory(entrypoint: Any, *, fails: bool = False) -> AsyncIterator[MemoryRoom]:
    """Run the entrypoint; it has connected. With `fails` it may raise."""
    api.install()
    install()
    with environment({}):
        room = MemoryRoom()
        metadata = JobMetadata(mode=Mode.TEXT, scenario=1, suite="parity", case="1#1").to_json()
        target = Target(entrypoint)
        job = Job(
            target,
            target.entrypoint,
            dispatched=Dispatched(metadata),
            process=job_process(),
            room=room,
            listener=NoListener(),
        )
        await room.until(room.isconnected, timeout=PATIENCE)
        yield room
        await room.close()
        await job.end("")
        assert fails or job.failure is None
