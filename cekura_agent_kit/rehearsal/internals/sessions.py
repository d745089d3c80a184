"""The sessions of a rehearsed job: what they do is recorded, and called back.

Touched, checked on livekit-agents 1.6.0 to 1.8.9:

- ``AgentSession._llm``; ``AgentSession._global_run_state``: where `AgentSession.run` keeps its record.
- ``AgentSession._closing_task``, ``_closing``: the begin of a close. When they are gone, a turn may end before a close
  that it set off.
- ``RunResult._watch_handle``, ``_agent_handoff``, ``_mark_done_if_needed``, ``_handles``, ``_done_fut``: the end of a
  record.
- ``RoomIO._chat_handler_registered``: false where the agent handles ``lk.chat`` itself. When it is gone, a turn of such
an
  agent ends with its timeout.
- ``run_result._MockToolsContextVar``: what `mock_tools` sets.

Replaced, once a process, by the first rehearsal. Each does nothing of its own for a session that is not in a rehearsal:

- ``AgentSession.start``, for its begin and end.
- ``AgentSession.run``, and ``start`` with ``capture_run``, which an agent may call in a turn that is recorded already.
- ``RoomIO.register_text_input``, for the end of what the caller's words set off.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol

from livekit.agents import AgentSession, get_job_context
from livekit.agents.voice import run_result
from livekit.agents.voice.room_io import RoomIO, TextInputEvent

from ...agent import entrypoint, internals, run, session, text_session
from .models import Models

__tracebackhide__ = True

_mocks: contextvars.ContextVar[Any] = run_result._MockToolsContextVar


class Listener(Protocol):
    """Is called back by the sessions of a rehearsed job."""

    models: Models | None
    """Replaces the sessions' and the agents' own models; None leaves them."""

    def session_starting(self, session: AgentSession[Any]) -> None:
        """Called when `AgentSession.start` is called."""

    def session_started(self, session: AgentSession[Any]) -> None:
        """Called before `AgentSession.start` returns."""

    def words_processed(self, stream_id: str, error: Exception | None) -> None:
        """Called when the session's ``text_input_cb`` has returned, or raised, for the words of a text stream."""

    def words_not_received(self, handler: Callable[..., Any] | None) -> None:
        """Called when a session does not receive the caller's words, since the agent handles ``lk.chat`` itself."""


class Recorder(run_result.RunResult[None]):
    """The record of a turn, as `AgentSession.run` keeps one.

    livekit-agents adds to it each reply, tool and handoff that begins meanwhile, and ends it when all are done. It
    would type past the room, though; here the words go through the room, so a recorder ends only when ``may_end``
    agrees, too.

    Args:
        user_input: the caller's words; None for a greeting.
        may_end: called when nothing of the turn goes on.
    """

    def __init__(self, user_input: str | None, may_end: Callable[[], bool]) -> None:
        super().__init__(user_input=user_input, output_type=None)
        self._may_end = may_end
        self._nested: list[run_result.RunResult[Any]] = []
        self._open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watch_handle(self._open)

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when the turn is; with an exception where a reply failed or the session was closed."""
        return self._done_fut

    def check(self) -> None:
        """End the turn if it may end; to be called when the answer of ``may_end`` may have changed."""
        idle = all(handle.done() for handle in self._handles if handle is not self._open)
        if idle and not self._open.done() and self._may_end():
            self._open.set_result(None)

    def nest(self, result: run_result.RunResult[Any]) -> None:
        """Record the same into the result of a run that the agent itself began."""
        self._nested = [each for each in self._nested if not each.done()]
        self._nested.append(result)
        for handle in list(result._handles):
            super()._watch_handle(handle)

    def _watch_handle(self, handle: Any) -> None:
        super()._watch_handle(handle)
        for result in self._nested:
            result._watch_handle(handle)

    def _agent_handoff(self, **event: Any) -> None:
        super()._agent_handoff(**event)
        for result in self._nested:
            result._agent_handoff(**event)

    def _mark_done_if_needed(self, handle: Any) -> None:
        super()._mark_done_if_needed(handle)
        self.check()


def record(session: AgentSession[Any], recorder: Recorder) -> None:
    """Record what the session does from now on."""
    session._global_run_state = recorder


def is_closing(session: AgentSession[Any]) -> bool:
    """Return whether the session is being closed."""
    return getattr(session, "_closing_task", None) is not None or bool(getattr(session, "_closing", False))


@functools.cache
def install() -> None:
    """Replace the methods that the module names."""
    start: Any = AgentSession.start
    run: Any = AgentSession.run
    register: Any = RoomIO.register_text_input
    # From 1.8 a session sends each of its events to a remote observer; none is here, and it costs 15 % of a turn.
    unobserved = {"session_host": False} if "session_host" in inspect.signature(start).parameters else {}

    @functools.wraps(start)
    async def rehearsed_start(session: AgentSession[Any], *args: Any, **kwargs: Any) -> Any:
        if (listener := current_listener()) is None:
            return await start(session, *args, **kwargs)
        if listener.models is not None:
            session._llm = listener.models.replacement(session._llm)
        listener.session_starting(session)
        captured = _captured(session) if kwargs.get("capture_run") else None
        if captured is not None:
            kwargs["capture_run"] = False
        result = await start(session, *args, **(unobserved | kwargs))
        listener.session_started(session)
        if captured is None:
            return result
        captured._mark_done_if_needed(None)
        return await captured

    @functools.wraps(run)
    def rehearsed_run(session: AgentSession[Any], **kwargs: Any) -> Any:
        recorder = session._global_run_state
        if not isinstance(recorder, Recorder) or recorder.done():
            return run(session, **kwargs)
        session._global_run_state = None
        try:
            result = run(session, **kwargs)
        finally:
            session._global_run_state = recorder
        recorder.nest(result)
        return result

    @functools.wraps(register)
    def rehearsed_register(room_io: RoomIO, text_input_cb: Any) -> None:
        listener = current_listener()
        if listener is not None:
            text_input_cb = _followed(text_input_cb, listener)
        register(room_io, text_input_cb)
        if listener is not None and not getattr(room_io, "_chat_handler_registered", True):
            inbox = getattr(room_io.room.register_text_stream_handler, "__self__", None)
            listener.words_not_received(getattr(inbox, "handler", None))

    AgentSession.start = rehearsed_start  # type: ignore[assignment, method-assign]
    AgentSession.run = rehearsed_run  # type: ignore[assignment, method-assign]
    RoomIO.register_text_input = rehearsed_register  # type: ignore[assignment, method-assign]


def _captured(session: AgentSession[Any]) -> run_result.RunResult[Any] | None:
    """Return the result of a start that the agent wants recorded, too; None where nothing is recorded already."""
    recorder = session._global_run_state
    if not isinstance(recorder, Recorder) or recorder.done():
        return None
    result = run_result.RunResult[Any](output_type=None)
    recorder.nest(result)
    return result


def _followed(text_input_cb: Any, listener: Listener) -> Any:
    """Return the callback, followed by `Listener.words_processed`."""

    async def followed(session: AgentSession[Any], event: TextInputEvent) -> None:
        raised = None
        try:
            returned = text_input_cb(session, event)
            if inspect.isawaitable(returned):
                await returned
        except Exception as error:
            raised = error
            raise
        finally:
            if event.info is not None:
                listener.words_processed(event.info.stream_id, raised)

    return followed


def current_listener() -> Listener | None:
    """Return the listener of the job in which this code runs; None outside of a rehearsal."""
    return getattr(get_job_context(required=False), "listener", None)


def share_mocks() -> dict[type, Any]:
    """Set the mocks of the current context to a dictionary that `set_mocks` can change later.

    `mock_tools` sets a context variable, which the tasks of a running session do not see. Called where the job begins:
    all its tasks share the dictionary.
    """
    shared = dict(_mocks.get({}))
    _mocks.set(shared)
    return shared


def set_mocks(shared: dict[type, Any]) -> None:
    """Make the shared mocks those of the current context."""
    current = dict(_mocks.get({}))
    shared.clear()
    shared.update(current)


@functools.cache
def hide_frames() -> None:
    """Leave the wrapper, and livekit-agents' assertion helpers, out of pytest's tracebacks."""
    for module in (entrypoint, internals, run, session, text_session):
        module.__tracebackhide__ = True  # type: ignore[attr-defined]
    run_result.__tracebackhide__ = lambda raised: raised.errisinstance(AssertionError)  # type: ignore[attr-defined]
