"""A job without a worker: the entrypoint runs, and is shut down, as in a job process of livekit-agents."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
import time
import weakref
from datetime import timedelta
from typing import Any

from livekit import api
from livekit.agents import AgentSession, JobProcess, JobRequest
from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.protocol import agent, models

from ..errors import RehearsalError
from ..worker.target import Entrypoint, Target
from .dispatched import Dispatched
from .failures import add_note, explain_missing_key
from .frames import Waiting, is_of_test, waiting
from .internals import job as internals
from .internals.api import use_server
from .internals.sessions import Listener, share_mocks
from .room.room import MemoryRoom
from .room.server_api import MemoryServer

__tracebackhide__ = True

logger = logging.getLogger("cekura_agent_kit.rehearsal")

GRACE = 1.0
"""Seconds in which an entrypoint may return once its job is shut down. A job process gives 15, which would be added to
each rehearsal of an entrypoint that never returns."""
CLOSING = 60.0
"""Seconds in which a session must close, as in a job process."""


class Job:
    """One job of a target.

    Args:
        target: the agent.
        entrypoint: the agent's entrypoint, wrapped for the test.
        dispatched: the job's metadata.
        process: `ctx.proc`.
        room: `ctx.room`.
        listener: called back by the job's sessions.
        closing: seconds in which a session must close.

    Attributes:
        closing: as given; may be changed.
        returned: done when the entrypoint has returned, or will not return.
        failed: done when the job has failed.
        failure: what the job failed with.
        refusal: why the wrapper refused the test; empty when it did not.
        mocks: what `mock_tools` replaces, shared by all tasks of the job.
        server: answers the job's requests to LiveKit's API.
    """

    def __init__(
        self,
        target: Target,
        entrypoint: Entrypoint,
        *,
        dispatched: Dispatched,
        process: JobProcess,
        room: MemoryRoom,
        listener: Listener,
        closing: float = CLOSING,
    ) -> None:
        self._target = target
        self._entrypoint = entrypoint
        self._room = room
        self.closing = closing
        loop = asyncio.get_running_loop()
        self._shutdown: asyncio.Future[str] = loop.create_future()
        self.returned: asyncio.Future[None] = loop.create_future()
        self.failed: asyncio.Future[None] = loop.create_future()
        self.failure: BaseException | None = None
        self.refusal = ""
        self.mocks: dict[type, Any] = {}
        self.server = MemoryServer(room)
        self._info = _job_info(target, dispatched, room)
        self.ctx = internals.RehearsalContext(
            info=self._info,
            process=process,
            room=room,
            listener=listener,
            shutdown=self.shutdown,
            secret=dispatched.secret,
            fakes=dispatched.fakes,
            fail=self.fail,
        )
        room.on("disconnected", self._on_disconnected)
        self._beside: list[asyncio.Task[Any]] = []
        self._before = weakref.WeakSet(asyncio.all_tasks())
        self._task = asyncio.create_task(self._run(), name="rehearsal")
        self._entry: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """True from the begin of the job's shutdown on."""
        return self._shutdown.done()

    @property
    def reason(self) -> str:
        """The reason of the job's shutdown; empty before."""
        return self._shutdown.result() if self._shutdown.done() else ""

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Return the tasks of the job that wait in the agent's own code, the entrypoint's first."""
        tasks = [task for task in asyncio.all_tasks() if self.owns(task) and waiting(task) is not None]
        return sorted(tasks, key=lambda task: task is not self._entry)

    def waits(self) -> list[Waiting]:
        """Return where the agent's own code waits, the entrypoint's first."""
        return [each for task in self.tasks() if (each := waiting(task)) is not None]

    def owns(self, task: asyncio.Task[Any] | None) -> bool:
        """Return whether a task, or a callback of the event loop, may be the job's."""
        # Python 3.11 does not know of a task in which context it runs: those of a test are left out by their frames.
        return task is None or (
            task not in self._before and not is_of_test(task) and internals.may_be_of(self.ctx, task)
        )

    def refuse(self, text: str) -> None:
        """Note that the wrapper refused the test, and end the room: the agent would stay in it to be read."""
        self.refusal = text
        self._beside.append(asyncio.create_task(self._room.close(), name="rehearsal_refusal"))

    async def raise_failure(self) -> None:
        """Raise what the job failed with, or why it was refused."""
        if self.refusal:
            await self.end("refused")
        if self.failure is not None:
            explain_missing_key(self.failure)
            if self._target.note:
                add_note(self.failure, self._target.note)
            raise self.failure
        if self.refusal:
            raise RehearsalError(self.refusal)

    def shutdown(self, reason: str) -> None:
        """Begin to shut the job down."""
        if not self._shutdown.done():
            self._shutdown.set_result(reason or "user requested")

    async def end(self, reason: str) -> None:
        """Shut the job down, and wait until it is; what failed meanwhile is its `failure`."""
        self.shutdown(reason)
        await self._task

    async def cancel(self) -> None:
        """Cancel the job."""
        self._task.cancel()
        await asyncio.wait([self._task])

    def _on_disconnected(self, reason: Any = None) -> None:
        self.shutdown("room disconnected")

    async def _run(self) -> None:
        internals.enter_job(self.ctx)
        use_server(self.server)
        self.mocks = share_mocks()
        try:
            await self._ask()
            self._entry = asyncio.create_task(self._entrypoint(self.ctx), name="job_user_entrypoint")
            self._entry.add_done_callback(self._on_returned)
            await self._shutdown
            await self._finish(self._entry)
        except Exception as error:  # noqa: BLE001 - whatever the agent's code raises is the job's failure
            self.fail(error)
        finally:
            if self._entry is not None and not self._entry.done():
                await _cancelled(self._entry)
            self._return()
            await self._room.disconnect()
            await _cancelled(*internals.pending_tasks(self.ctx), *self._beside)
            await internals.leave_job(self.ctx)

    async def _ask(self) -> None:
        """Ask ``on_request`` to accept the job, where the server has one."""
        on_request = internals.on_request_of(self._target.server) if self._target.server else None
        if on_request is None:
            return
        answers: list[JobAcceptArguments | None] = []

        async def accept(arguments: JobAcceptArguments) -> None:
            answers.append(arguments)

        async def reject(terminate: bool) -> None:
            answers.append(None)

        await on_request(JobRequest(job=self.ctx.job, on_reject=reject, on_accept=accept))
        if not answers or answers[0] is None:
            raise RehearsalError("on_request did not accept the job", hint="dispatch with the metadata that it accepts")
        accepted = answers[0]
        if accepted.identity == f"agent-{self.ctx.job.id}":  # on_request gave none
            accepted = dataclasses.replace(accepted, identity=self._room.agent_identity)
        self._room.expect_agent(
            identity=accepted.identity,
            name=accepted.name,
            metadata=accepted.metadata,
            attributes=accepted.attributes,
        )
        self._info.accept_arguments, self._info.token = accepted, _token(self._room)

    def _on_returned(self, entry: asyncio.Task[None]) -> None:
        if not entry.cancelled() and (error := entry.exception()) is not None:
            self.fail(error)
        self._return()

    def _return(self) -> None:
        if not self.returned.done():
            self.returned.set_result(None)
            self._room.changed()

    def fail(self, error: BaseException) -> None:
        """End the job as failed; the first failure counts."""
        if self.failure is None:
            self.failure = error
        if not self.failed.done():
            self.failed.set_result(None)
        self._return()
        self.shutdown("job crashed")

    async def _finish(self, entry: asyncio.Task[None]) -> None:
        """Shut down in a job process's order: entrypoint, session, its end and report, room, shutdown callbacks."""
        await asyncio.wait([entry], timeout=GRACE)
        if not entry.done():
            logger.info("the entrypoint did not return within %g s of the shutdown; cancelled", GRACE)
            await _cancelled(entry)
        if (session := internals.primary_session(self.ctx)) is not None:
            await self._close(session)
        server = self._target.server
        if server is not None and (on_session_end := internals.on_session_end_of(server)) is not None:
            await on_session_end(self.ctx)
        await internals.report_session(self.ctx)
        await self._room.disconnect()
        callbacks = [callback(self.reason) for callback in internals.shutdown_callbacks(self.ctx)]
        raised = await asyncio.gather(*callbacks, return_exceptions=True)
        for error in raised:
            if isinstance(error, BaseException):
                raise error

    async def _close(self, session: AgentSession[Any]) -> None:
        try:
            async with asyncio.timeout(self.closing):
                await session.aclose()
        except TimeoutError:
            raise RehearsalError(
                f"the session did not close within {self.closing:g} s", hint="a tool or a hook of the agent still runs"
            ) from None


def _job_info(target: Target, dispatched: Dispatched, room: MemoryRoom) -> RunningJobInfo:
    job_id = f"AJ_{secrets.token_hex(6)}"
    agent_name = internals.agent_name_of(target.server) if target.server is not None else ""
    return RunningJobInfo(
        accept_arguments=JobAcceptArguments(name="", identity=room.agent_identity, metadata=""),
        job=agent.Job(
            id=job_id,
            dispatch_id=f"AD_{secrets.token_hex(6)}",
            type=agent.JobType.JT_ROOM,
            room=models.Room(name=room.name, sid="RM_rehearsal", metadata=room.stored_metadata),
            metadata=dispatched.text,
            attributes=dispatched.attributes,
            agent_name=agent_name,
            state=agent.JobState(started_at=time.time_ns()),
        ),
        url="ws://rehearsal.invalid",
        token=_token(room),
        worker_id="AW_rehearsal",
        fake_job=False,
    )


def _token(room: MemoryRoom) -> str:
    token = api.AccessToken("rehearsal", "a rehearsal has no server and no secret")
    token = token.with_identity(room.agent_identity).with_kind("agent").with_ttl(timedelta(hours=1))
    return token.with_grants(api.VideoGrants(room_join=True, room=room.name, agent=True)).to_jwt()


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
