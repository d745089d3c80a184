"""The turns of a rehearsed call: when each begins and ends, definitely, never by a quiet period.

A turn begins with the caller's words, the first one with the start of the job's first session: its greeting. It has
ended when all of this is true:

1. each reply, tool and handoff that began in it is done, as livekit-agents records it (`Recorder`);
2. the session has processed the words: its text callback has returned; of a greeting: the session has started, and the
   entrypoint, and the task that started the session where that is another, have returned. One that has not after
   `RETURN` runs as long as the call; then its greeting has ended once something was said, if the test asked for it;
   of words of the agent's own accord: some were heard;
3. each of its text streams to the caller is closed, or the agent has left the room;
4. a session that is being closed is closed: after `EndCallTool` the call is over when the turn is.

A session that is closed ends its turn; a job that fails ends the call.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession, CloseEvent

from ..agent.job import JobUnderTest
from ..agent.pending import PendingWork
from ..errors import RehearsalError
from .failures import deaf_session, explain_model, too_long
from .internals.models import ModelRequest, Models
from .internals.sessions import Recorder, is_closing, record
from .job import Job
from .open_turn import OpenTurn
from .room.caller import Caller
from .room.room import MemoryRoom
from .room.streams import Text
from .turn import Turn

__tracebackhide__ = True

RETURN = 2.0
"""Seconds in which an entrypoint may return once its session has started. Most return at once."""
_TIMERS = 0.02
"""Seconds between two checks of the agent's timers, which cannot be awaited."""


class TurnTaking:
    """The turns between a caller and a job's first session; the job's `Listener` and `ModelListener`.

    Args:
        room: the job's room.
        models: replace the session's and its agents' own models; None leaves them.
        timeout: seconds for each turn.

    Attributes:
        room: the job's room.
        timeout: seconds for each turn; may be changed.
        job: the job; to be set before it runs.
        caller: the caller; None before it has joined.
        turns: the turns so far.
        said: the caller's words, with their Unix time.
        session: the first that was started, which the caller speaks to; None before.
        started: the session has started.
        requests: requests of the agent's to other models than ``models``.
    """

    job: Job

    def __init__(self, room: MemoryRoom, models: Models | None, timeout: float) -> None:
        self.models = models
        self.caller: Caller | None = None
        self.turns: list[Turn] = []
        self.said: list[tuple[float, str]] = []
        self.session: AgentSession[Any] | None = None
        self.started = False
        self.requests: list[ModelRequest] = []
        self.room = room
        self.timeout = timeout
        self._turn: OpenTurn | None = None
        self._greeting: OpenTurn | None = None
        self._starter: asyncio.Task[Any] | None = None
        self._closed: CloseEvent | None = None
        self._deaf: RehearsalError | None = None
        self._is_return_awaited = True
        self._is_speech_awaited = False
        self._next_text = 0

    @property
    def over(self) -> bool:
        """True once the job is shut down, or the caller was removed."""
        return self.job.over or (self.caller is not None and not self.caller.present)

    # Turns.

    async def say(self, text: str) -> Turn:
        """Say something once the agent has finished, and wait until it has finished again."""
        if not self.turns:
            await self.greet(is_spoken=False)
        await self.require_session()
        if self._deaf is not None:
            raise self._deaf
        turn = self._open(text, lambda turn: not turn.unprocessed)
        turn.unprocessed = self.speak(text)
        return await self._ended(turn)

    def speak(self, text: str) -> str:
        """Say something at once, without waiting; return the id of the text stream."""
        assert self.caller is not None
        self.said.append((time.time(), text))
        return self.caller.say(text)

    async def greet(self, *, is_spoken: bool) -> Turn:
        """Wait for the greeting.

        Args:
            is_spoken: the greeting of an entrypoint that does not return ends only when something was said.
        """
        await self._until_session()
        assert self._greeting is not None
        self._is_speech_awaited = is_spoken
        if self._is_return_awaited:
            await asyncio.wait([self.job.returned, *([self._starter] if self._starter else [])], timeout=RETURN)
            self._is_return_awaited = False
        self._check()
        return await self._ended(self._greeting)

    async def next_words(self) -> Turn:
        """Wait for words of the agent's own accord since the last turn, also for those that it has sent already."""
        await self.require_session()
        heard: list[Text] = []
        turn = self._open(None, lambda turn: bool(heard), first_text=self._next_text)
        await self.until(lambda: self._heard(turn) or self.over, "the agent said nothing by itself")
        heard += self._heard(turn)
        if not heard:
            await self.require_call()
        self._check()
        return await self._ended(turn)

    def _open(
        self, said: str | None, may_end: Callable[[OpenTurn], bool], *, first_text: int | None = None
    ) -> OpenTurn:
        """Begin a turn: record what the session does from now on."""
        assert self.session is not None
        recorder = Recorder(said, lambda: may_end(turn))
        turn = OpenTurn(said, recorder, len(self.room.texts) if first_text is None else first_text)
        record(self.session, recorder)
        self._turn = turn
        return turn

    async def _ended(self, turn: OpenTurn) -> Turn:
        """Wait for the end of a turn by the rule of this module; raise what kept it from ending well."""
        ended = turn.recorder.ended
        await asyncio.wait([ended, self.job.failed], timeout=self.timeout, return_when=asyncio.FIRST_COMPLETED)
        await self.job.raise_failure()
        if not ended.done():
            what = "the session did not accept the caller's words" if turn.unprocessed else "the turn did not end"
            raise too_long(what, self.timeout, self.job.waits())
        if (error := ended.exception()) is not None and (self._closed is None or self._closed.error is not None):
            if self.models is None:
                explain_model(error)
            raise error
        await self.until(
            lambda: all(text.closed for text in self._heard(turn)) or not self.room.isconnected(),
            "the turn's speech did not end",
        )
        if self.session is not None and is_closing(self.session):
            await self.until(lambda: self._closed is not None, "the session did not close")
        if turn.error is not None:
            raise turn.error
        heard = [text.text for text in self._heard(turn)]
        self.turns.append(Turn(turn.said, heard, time.perf_counter() - turn.began, turn.recorder))
        self._next_text = len(self.room.texts)
        return self.turns[-1]

    def _heard(self, turn: OpenTurn) -> list[Text]:
        assert self.caller is not None
        return self.caller.segments(turn.first_text)

    # What a turn needs.

    async def require_call(self) -> None:
        """Raise where the call is over."""
        await self.job.raise_failure()
        if self.job.over:
            reason = self.job.reason
        elif self.over:
            reason = "the agent removed the caller"
        else:
            return
        raise RehearsalError(f"the call is over: {reason}", hint="the call's transcript shows what came before")

    async def require_session(self) -> None:
        """Raise where there is no session that can be spoken to."""
        await self.require_call()
        if self.session is None:
            raise RehearsalError("the entrypoint started no session", hint="check with which metadata it starts one")
        if self._closed is not None:
            raise RehearsalError(
                f"the session was closed: {self._closed.reason.value}",
                hint="the call's transcript shows what came before",
            )

    async def until(self, predicate: Callable[[], object], missing: str, *, timeout: float | None = None) -> None:
        """Wait for something of the agent's; ``missing`` is the error's text when it does not come in time."""
        timeout = self.timeout if timeout is None else timeout
        try:
            await self.room.until(predicate, timeout=timeout)
        except TimeoutError:
            await self.job.raise_failure()
            raise too_long(missing, self.timeout, self.job.waits()) from None
        await self.job.raise_failure()

    async def _until_session(self) -> None:
        """Wait for the first session as long as something may start it: also a task that outlives the entrypoint."""
        deadline = time.monotonic() + self.timeout
        while self._greeting is None:
            await self.room.delivered()  # what the agent's callbacks start
            await self.require_call()
            tasks = self.job.tasks()
            if not tasks and self._has_timers() and time.monotonic() < deadline:
                await asyncio.sleep(_TIMERS)
                continue
            if not tasks:
                await self.require_session()
            ended: set[asyncio.Task[Any]] = set()
            for task in tasks:
                task.add_done_callback(ended.add)
                task.add_done_callback(lambda _: self.room.changed())
            await self.until(
                functools.partial(lambda ended: self._greeting or self.over or ended, ended),
                "no session has started",
                timeout=deadline - time.monotonic(),
            )

    def _has_timers(self) -> bool:
        """Return True if a timer of the agent's may still start a session."""
        test = JobUnderTest.of_room(self.room)
        pending = test.part(PendingWork) if test is not None else None
        return pending is not None and bool(pending.timers())

    # What the job's sessions and their models call back (`Listener`, `ModelListener`).

    def session_starting(self, session: AgentSession[Any]) -> None:
        """Record the first session's greeting from its start on."""
        if self.session is not None:
            return
        self.session = session
        session.on("close", self._on_close)
        self._starter = asyncio.current_task()
        for returning in (self.job.returned, self._starter):
            if returning is not None:
                returning.add_done_callback(lambda _: self._check())
        self._greeting = self._open(None, self._is_greeted, first_text=0)

    def session_started(self, session: AgentSession[Any]) -> None:
        """Note that the session can be spoken to."""
        if session is self.session:
            self.started = True
            self._check()

    def words_processed(self, stream_id: str, error: Exception | None) -> None:
        """Note that the words of the present turn were processed."""
        if self._turn is not None and stream_id == self._turn.unprocessed:
            self._turn.unprocessed, self._turn.error = "", error
            self._check()

    def words_not_received(self, handler: Callable[..., Any] | None) -> None:
        """Note that the agent handles the caller's words itself."""
        self._deaf = deaf_session(handler)

    def model_requested(self, request: ModelRequest) -> None:
        """Note a request to another model."""
        self.requests.append(request)

    def _is_greeted(self, greeting: OpenTurn) -> bool:
        """Return the second part of the rule above, for a greeting."""
        if not self.started:
            return False
        has_returned = self.job.returned.done() and (self._starter is None or self._starter.done())
        if has_returned or self._is_return_awaited:
            return has_returned
        return not self._is_speech_awaited or any(event.type == "message" for event in greeting.recorder.events)

    def _check(self) -> None:
        if self._turn is not None:
            self._turn.recorder.check()
        self.room.changed()

    def _on_close(self, event: CloseEvent) -> None:
        self._closed = event
        self.room.changed()
