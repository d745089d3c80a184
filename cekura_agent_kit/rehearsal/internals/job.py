"""A job of livekit-agents without a worker.

Touched, checked on livekit-agents 1.6.0 to 1.8.9: ``JobContext`` and ``JobProcess``, which have no public constructor;
``JobContext._on_setup``, ``_on_cleanup`` (a coroutine from 1.8 on), ``_on_session_end``, ``_pending_tasks``,
``_participant_tasks``, ``_shutdown_callbacks``, ``_primary_agent_session``; ``_JobContextVar``;
``http_context._new_session_ctx``, ``_close_http_ctx``; ``AgentServer._agent_name``, ``_request_fnc``,
``_session_end_fnc``. livekit-agents runs a job in ``_JobProc``, which needs a process's channel: `rehearsal.job`
does what it does, in its order, with these.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from livekit import rtc
from livekit.agents import AgentServer, AgentSession, JobContext, JobProcess, JobRequest
from livekit.agents.job import JobExecutorType, RunningJobInfo, _JobContextVar
from livekit.agents.utils import http_context

from ...agent.admission import REHEARSAL_FAIL, REHEARSAL_FAKES, REHEARSAL_SECRET
from .sessions import Listener

__tracebackhide__ = True


class RehearsalContext(JobContext):
    """The context of a rehearsed job: a real one, with the listener of its sessions.

    Args:
        info: the job.
        process: `ctx.proc`.
        room: `ctx.room`.
        listener: called back by the job's sessions.
        shutdown: called with the reason when the agent shuts the job down.
        secret: signs the job's test.
        fakes: functions that stand for tools.
        fail: called with the error of the test if a check of the agent's own code failed.
    """

    def __init__(
        self,
        *,
        info: RunningJobInfo,
        process: JobProcess,
        room: rtc.Room,
        listener: Listener,
        shutdown: Callable[[str], None],
        secret: str,
        fakes: Mapping[str, Callable[..., Any]],
        fail: Callable[[BaseException], None],
    ) -> None:
        super().__init__(
            proc=process,
            info=info,
            room=room,
            on_connect=lambda: None,
            on_shutdown=shutdown,
            inference_executor=_NoInference(),
        )
        self.listener = listener
        setattr(self, REHEARSAL_SECRET, secret)
        setattr(self, REHEARSAL_FAKES, fakes)
        setattr(self, REHEARSAL_FAIL, fail)


class _NoInference:
    """Models that run beside the job processes, such as turn detectors. Text uses none."""

    async def do_inference(self, method: str, data: bytes) -> bytes | None:
        raise NotImplementedError(f"{method} runs beside a worker, and a rehearsal has none")


def job_process() -> JobProcess:
    """Return the process of a job, which is this one; `ctx.proc`."""
    return JobProcess(executor_type=JobExecutorType.THREAD, user_arguments=None, http_proxy=None)


def agent_name_of(server: AgentServer) -> str:
    """Return the name under which the server would register."""
    return server._agent_name


def on_request_of(server: AgentServer) -> Callable[[JobRequest], Awaitable[None]] | None:
    """Return ``on_request``, which accepts or refuses a job."""
    return server._request_fnc


def on_session_end_of(server: AgentServer) -> Callable[[JobContext], Awaitable[None]] | None:
    """Return ``on_session_end``."""
    return server._session_end_fnc


def primary_session(ctx: JobContext) -> AgentSession[Any] | None:
    """Return the job's first session; None before one was started."""
    return ctx._primary_agent_session


def shutdown_callbacks(ctx: JobContext) -> list[Callable[[str], Awaitable[None]]]:
    """Return what `add_shutdown_callback` registered."""
    return list(ctx._shutdown_callbacks)


def pending_tasks(ctx: JobContext) -> list[asyncio.Task[Any]]:
    """Return the tasks that the context itself started, participants' entrypoints included."""
    return [*ctx._pending_tasks, *ctx._participant_tasks.values()]


def enter_job(ctx: JobContext) -> None:
    """Make it the job of the current context; call it in the task that will run the job."""
    ctx._on_setup()
    _JobContextVar.set(ctx)
    http_context._new_session_ctx()


async def leave_job(ctx: JobContext) -> None:
    """Undo `enter_job`, in the same task."""
    cleaned = ctx._on_cleanup()
    if inspect.isawaitable(cleaned):
        await cleaned
    await http_context._close_http_ctx()


def may_be_of(ctx: JobContext, task: asyncio.Task[Any]) -> bool:
    """Return whether a task runs in a job; True before Python 3.12, where that cannot be known."""
    get_context = getattr(task, "get_context", None)
    return get_context is None or get_context().get(_JobContextVar) is ctx


async def report_session(ctx: JobContext) -> None:
    """Do what the worker does with the session's report once the session is over."""
    await ctx._on_session_end()
