"""Every private name of livekit and livekit-agents that a rehearsal touches.

Each says what it is for and what happens when it is gone. All are the same on livekit-agents 1.6.0 to 1.8.9, with
livekit 1.1.8 to 1.1.21: that is what the tests run on. Were one to go, a rehearsal ends with an AttributeError or
TypeError raised here; nothing else in the kit depends on this module.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from livekit import api, rtc
from livekit.agents import AgentServer, AgentSession, JobContext, JobProcess, JobRequest, get_job_context, llm
from livekit.agents.job import JobExecutorType, RunningJobInfo, _JobContextVar
from livekit.agents.utils import http_context
from livekit.agents.voice import run_result
from livekit.agents.voice.agent_activity import AgentActivity
from livekit.agents.voice.room_io import RoomIO, TextInputEvent
from livekit.rtc._proto import handle_pb2, participant_pb2, track_pb2
from livekit.rtc._utils import BroadcastQueue

from ..agent import entrypoint, internals, run, session, text_session

if TYPE_CHECKING:
    from .room import MemoryRoom

__tracebackhide__ = True

logger = logging.getLogger("cekura_agent_kit.rehearsal")

# Participants without a server. A participant of the native side is a handle and a ParticipantInfo; handle 0 is
# livekit's own mark for "no handle", and nothing is released for it. `Participant._info` is what every public property
# of a participant reads; `Room._info` likewise, and livekit-agents' own job runner writes the room's name there.

_NO_HANDLE = 0


def participant_info(
    identity: str, *, sid: str, name: str, kind: int, state: int, metadata: str, attributes: Mapping[str, str]
) -> Any:
    """A ParticipantInfo as the server announces it."""
    return participant_pb2.ParticipantInfo(
        sid=sid,
        identity=identity,
        name=name,
        kind=kind,  # type: ignore[arg-type]
        state=state,  # type: ignore[arg-type]
        metadata=metadata,
        attributes=dict(attributes),
    )


def owned(info: Any) -> Any:
    """The participant of that info, without a handle, as participants' constructors take it."""
    return participant_pb2.OwnedParticipant(handle=handle_pb2.FfiOwnedHandle(id=_NO_HANDLE), info=info)


def init_local_participant(participant: rtc.LocalParticipant, info: Any) -> None:
    """Run the constructor of `rtc.LocalParticipant`, whose first argument is a queue of native events: none come."""
    rtc.LocalParticipant.__init__(participant, BroadcastQueue(), owned(info))


def info_of(participant: rtc.Participant) -> Any:
    """The participant's own info, to be changed in place."""
    return participant._info


def room_info(room: rtc.Room) -> Any:
    """The room's own info, to be changed in place."""
    return room._info


def is_listened_to(room: rtc.Room, event: str) -> bool:
    """Whether anybody registered a callback for the event."""
    return bool(room._events.get(event))  # type: ignore[call-overload]


def change_attributes(participant: rtc.Participant, attributes: Mapping[str, str]) -> dict[str, str]:
    """Change a participant's attributes as the server does; an empty value removes its key. Gives what changed."""
    own = participant._info.attributes
    changed = {key: value for key, value in attributes.items() if own.get(key, "") != value}
    for key, value in changed.items():
        if value:
            own[key] = value
        else:
            own.pop(key)
    return changed


def data_packet(data: bytes, participant: rtc.RemoteParticipant | None, topic: str) -> rtc.DataPacket:
    """A reliable packet as `data_received` hands it out; None for one whose sender was not announced yet."""
    return rtc.DataPacket(data=data, kind=rtc.DataPacketKind.KIND_RELIABLE, participant=participant, topic=topic)


def local_publication(track: rtc.Track, sid: str) -> rtc.LocalTrackPublication:
    """The publication of a local track that no server has."""
    owned_publication = track_pb2.OwnedTrackPublication(
        handle=handle_pb2.FfiOwnedHandle(id=_NO_HANDLE),
        info=track_pb2.TrackPublicationInfo(sid=sid, name=track.name, kind=track.kind),
    )
    publication = rtc.LocalTrackPublication(owned_publication)
    publication._track = track
    return publication


# The job without a worker. `JobContext` has no public constructor; livekit-agents runs a job in `_JobProc`, which is
# tied to a process's channel, so `job.py` does what it does, in its order, with these.


class Stage(Protocol):
    """What a rehearsal wants to know of the sessions in its job."""

    llm: llm.LLM[Any] | None
    """Put in the place of the sessions' and the agents' own."""

    def session_starting(self, session: AgentSession[Any], *, capture_run: bool) -> None:
        """`AgentSession.start` was called."""

    def session_started(self, session: AgentSession[Any]) -> None:
        """`AgentSession.start` is about to return."""

    def words_taken(self, stream_id: str, error: Exception | None) -> None:
        """The session's ``text_input_cb`` has returned for the words of that stream, or raised."""


class RehearsalContext(JobContext):
    """The job's context, real but for what needs a server."""

    def __init__(
        self,
        *,
        info: RunningJobInfo,
        process: JobProcess,
        room: MemoryRoom,
        stage: Stage,
        shutdown: Callable[[str], None],
    ) -> None:
        super().__init__(
            proc=process,
            info=info,
            room=room,
            on_connect=lambda: None,
            on_shutdown=shutdown,
            inference_executor=_NoInference(),
        )
        self.stage = stage
        self._memory_room = room

    def delete_room(self, room_name: str | None = None) -> asyncio.Future[api.DeleteRoomResponse]:
        """End the room."""

        async def delete() -> api.DeleteRoomResponse:
            if room_name in (None, self._memory_room.name):
                await self._memory_room.close()
            return api.DeleteRoomResponse()

        task = asyncio.create_task(delete())
        self._pending_tasks.append(task)
        return task

    def add_sip_participant(self, **options: Any) -> asyncio.Future[api.SIPParticipantInfo]:
        """Nobody is called."""
        return self._not_in_memory("add_sip_participant", api.SIPParticipantInfo())

    def transfer_sip_participant(self, *args: Any, **options: Any) -> asyncio.Future[api.SIPParticipantInfo]:
        """Nobody is transferred."""
        return self._not_in_memory("transfer_sip_participant", api.SIPParticipantInfo())

    @staticmethod
    def _not_in_memory(name: str, answer: Any) -> asyncio.Future[Any]:
        logger.warning("ctx.%s() does nothing in a rehearsal", name)
        future = asyncio.get_running_loop().create_future()
        future.set_result(answer)
        return future


class _NoInference:
    """Models that run beside the job processes, such as turn detectors. Text asks none."""

    async def do_inference(self, method: str, data: bytes) -> bytes | None:
        raise NotImplementedError(f"{method} runs beside a worker, and a rehearsal has none")


def job_process() -> JobProcess:
    """The process of a job, which is this one; `ctx.proc`."""
    return JobProcess(executor_type=JobExecutorType.THREAD, user_arguments=None, http_proxy=None)


def agent_name_of(server: AgentServer) -> str:
    """The name under which it would register."""
    return server._agent_name


def on_request_of(server: AgentServer) -> Callable[[JobRequest], Awaitable[None]] | None:
    """``on_request``, which accepts or refuses a job."""
    return server._request_fnc


def on_session_end_of(server: AgentServer) -> Callable[[JobContext], Awaitable[None]] | None:
    """``on_session_end``."""
    return server._session_end_fnc


def primary_session(ctx: JobContext) -> AgentSession[Any] | None:
    """The job's first session; None before one was started."""
    return ctx._primary_agent_session


def shutdown_callbacks(ctx: JobContext) -> list[Callable[[str], Awaitable[None]]]:
    """What `add_shutdown_callback` registered."""
    return list(ctx._shutdown_callbacks)


def pending_tasks(ctx: JobContext) -> list[asyncio.Task[Any]]:
    """What the context itself began, participants' entrypoints included."""
    return [*ctx._pending_tasks, *ctx._participant_tasks.values()]


def enter_job(ctx: JobContext) -> None:
    """Make it the job of the current context; must run in the task that will run the job."""
    ctx._on_setup()
    _JobContextVar.set(ctx)
    http_context._new_session_ctx()


async def leave_job(ctx: JobContext) -> None:
    """Undo `enter_job`, in the same task."""
    cleaned = ctx._on_cleanup()  # awaitable from 1.8 on
    if inspect.isawaitable(cleaned):
        await cleaned
    await http_context._close_http_ctx()


async def report_session(ctx: JobContext) -> None:
    """What the worker does with the session's report once it is over."""
    await ctx._on_session_end()


# Sessions of the job. Patched are `AgentSession.start`; `AgentActivity.llm`, through which every reply, of every agent,
# after handoffs too, reaches its model; and `RoomIO.register_text_input`, for the end of what the caller's words set
# off. Installed once, by the first rehearsal of a process; all do nothing for a session that is not in one.

_llms: weakref.WeakKeyDictionary[AgentSession[Any], llm.LLM[Any]] = weakref.WeakKeyDictionary()


@functools.cache
def install() -> None:
    """Have the sessions of rehearsed jobs tell their stage when they start."""
    start: Any = AgentSession.start
    register: Any = RoomIO.register_text_input
    own_llm: Any = vars(AgentActivity)["llm"].fget
    # From 1.8 a session tells each of its events to a remote observer; none is here, and it costs 15 % of a turn.
    unobserved = {"session_host": False} if "session_host" in inspect.signature(start).parameters else {}

    @functools.wraps(start)
    async def start_on_stage(session: AgentSession[Any], *args: Any, **kwargs: Any) -> Any:
        if (stage := _stage()) is None:
            return await start(session, *args, **kwargs)
        if stage.llm is not None:
            _llms[session] = session._llm = stage.llm
        stage.session_starting(session, capture_run=bool(kwargs.get("capture_run", False)))
        result = await start(session, *args, **(unobserved | kwargs))
        stage.session_started(session)
        return result

    @functools.wraps(register)
    def register_on_stage(room_io: RoomIO, text_input_cb: Any) -> None:
        if (stage := _stage()) is not None:
            text_input_cb = _telling(stage, text_input_cb)
        register(room_io, text_input_cb)

    def llm_on_stage(activity: AgentActivity) -> Any:
        return (_llms and _llms.get(activity.session)) or own_llm(activity)

    AgentSession.start = start_on_stage  # type: ignore[assignment, method-assign]
    AgentActivity.llm = property(llm_on_stage)  # type: ignore[assignment, method-assign]
    RoomIO.register_text_input = register_on_stage  # type: ignore[assignment, method-assign]


def _telling(stage: Stage, text_input_cb: Any) -> Any:
    """The callback, which tells the stage when it has returned."""

    async def take(session: AgentSession[Any], event: TextInputEvent) -> None:
        raised = None
        try:
            taken = text_input_cb(session, event)
            if inspect.isawaitable(taken):
                await taken
        except Exception as error:
            raised = error
            raise
        finally:
            if event.info is not None:
                stage.words_taken(event.info.stream_id, raised)

    return take


def _stage() -> Stage | None:
    """Of the rehearsal in whose job this code runs."""
    ctx = get_job_context(required=False)
    return ctx.stage if isinstance(ctx, RehearsalContext) else None


# Turns. `AgentSession.run` records a turn in a `RunResult` and ends it definitely: when everything that it watches is
# done, which is each reply, tool and handoff that began meanwhile. It types past the room, though, so the turn is
# recorded by the same class, set in the same place, while the words go through the room.


class Run(run_result.RunResult[None]):
    """A turn as livekit-agents records it, which ends when nothing of it goes on and ``may_end`` says so."""

    def __init__(self, user_input: str | None, may_end: Callable[[Run], bool]) -> None:
        super().__init__(user_input=user_input, output_type=None)
        self._may_end = may_end
        self._guard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watch_handle(self._guard)

    @property
    def idle(self) -> bool:
        """Whether nothing of it goes on."""
        return all(handle.done() for handle in self._handles if handle is not self._guard)

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when the turn is; with an exception where a reply failed or the session was closed."""
        return self._done_fut

    def look_again(self) -> None:
        """End it if it may end; to be called when what ``may_end`` asks for may have changed."""
        if not self._guard.done() and self.idle and self._may_end(self):
            self._guard.set_result(None)

    def _mark_done_if_needed(self, handle: Any) -> None:
        super()._mark_done_if_needed(handle)
        self.look_again()


def record(session: AgentSession[Any], run: Run) -> None:
    """Record into it what the session does from now on."""
    session._global_run_state = run


def is_started(session: AgentSession[Any]) -> bool:
    """Whether the session has started and was not closed."""
    return session._started


# `mock_tools` sets a context variable, which the tasks of a session that is already running do not see. Where the job
# begins it is set to a dictionary of ours, which all its tasks share and which follows the test's own.

_mocks: contextvars.ContextVar[Any] = run_result._MockToolsContextVar


def share_mocks() -> dict[type, Any]:
    """Set the mocks of the current context to a dictionary that can be changed later."""
    shared = dict(_mocks.get({}))
    _mocks.set(shared)
    return shared


def follow_mocks(shared: dict[type, Any]) -> None:
    """Make the shared mocks what they are in the current context."""
    current = dict(_mocks.get({}))
    shared.clear()
    shared.update(current)


@functools.cache
def hide_frames() -> None:
    """Leave the wrapper, and livekit-agents' assertion helpers, out of pytest's tracebacks."""
    for module in (entrypoint, internals, run, session, text_session):
        module.__tracebackhide__ = True  # type: ignore[attr-defined]
    run_result.__tracebackhide__ = lambda raised: raised.errisinstance(AssertionError)  # type: ignore[attr-defined]
