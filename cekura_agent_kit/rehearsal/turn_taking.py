"""The turns of a rehearsed call: when each begins and ends, definitely, never by a quiet period.

A turn begins with the caller's words, the first one with the start of the job's first session: its greeting. It has
ended when all of this is true:

1. each reply, tool and handoff that began in it is done, as livekit-agents records it (`Recorder`);
2. the session has processed the words: its text callback has returned; of a greeting: the session has started, and the
   entrypoint, and the task that started the session where that is another, have returned. One that has not after
   `RETURN` runs as long as the call; then its greeting has ended once something was said, if the test asked for it;
3. each of its text streams to the caller is closed, or the agent has left the room;
4. a session that is being closed is closed: after `EndCallTool` the call is over when the turn is.

A session that is closed ends its turn; a job that fails ends the call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import AgentSession, CloseEvent, llm

from .caller import Caller
from .internals.sessions import Recorder, Request, is_closing, record
from .job import Job
from .room import MemoryRoom

__tracebackhide__ = True

RETURN = 2.0
"""Seconds in which an entrypoint may return once its session has started. Most return at once."""


@dataclass
class OpenTurn:
    """A turn that goes on.

    Attributes:
        said: the caller's words; None for the greeting.
        recorder: records what the session does.
        first_text: the number of text streams that the agent had opened before.
        unprocessed: id of the text stream whose words the session has not processed; empty when it has.
        error: what the session's text callback raised; livekit-agents logs it and goes on.
        began: `time.perf_counter` at its begin.
    """

    said: str | None
    recorder: Recorder
    first_text: int
    unprocessed: str = ""
    error: Exception | None = None
    began: float = field(default_factory=time.perf_counter)


class TurnTaking:
    """The turns between a caller and a job's first session; the job's `Listener`.

    Args:
        room: the job's room.
        model: replaces the session's and its agents' own models; None leaves them.

    Attributes:
        session: the first that was started, which the caller speaks to; None before.
        started: the session has started.
        closed: how the session was closed; None while it was not.
        greeting: the greeting, open or ended; None before a session was started.
        hears: the session receives the caller's words; False where the agent handles ``lk.chat`` itself.
        requests: requests of the agent's to other models than ``model``.
    """

    def __init__(self, room: MemoryRoom, model: llm.LLM[Any] | None) -> None:
        self.model = model
        self.session: AgentSession[Any] | None = None
        self.started = False
        self.closed: CloseEvent | None = None
        self.greeting: OpenTurn | None = None
        self.hears = True
        self.requests: list[Request] = []
        self._starter: asyncio.Task[Any] | None = None
        self._room = room
        self._job: Job | None = None
        self._turn: OpenTurn | None = None
        self._is_return_awaited = True
        self._is_speech_awaited = False

    def follow(self, job: Job) -> None:
        """Set the job whose sessions these are; to be called before it runs."""
        self._job = job
        job.returned.add_done_callback(lambda _: self._check())

    async def await_greeting(self, *, is_spoken: bool) -> None:
        """Give the entrypoint time to return, so that the greeting ends by the rule above.

        Args:
            is_spoken: the greeting of an entrypoint that does not return ends only when something was said.
        """
        assert self._job is not None
        self._is_speech_awaited = is_spoken
        if self._is_return_awaited:
            await asyncio.wait([self._job.returned, *([self._starter] if self._starter else [])], timeout=RETURN)
            self._is_return_awaited = False
        self._check()

    def begin(self, said: str, send: Callable[[str], str]) -> OpenTurn:
        """Begin a turn: record what the session does from now on, and send the words.

        Args:
            said: the caller's words.
            send: sends them; returns the id of their text stream.
        """
        assert self.session is not None
        self._turn = turn = OpenTurn(said, Recorder(said, self._may_end), len(self._room.texts))
        record(self.session, turn.recorder)
        turn.unprocessed = send(said)
        return turn

    async def until_quiet(self, turn: OpenTurn, caller: Caller) -> None:
        """Wait for the third and fourth part of the rule above, once the turn's recorder has ended."""
        segments, session = caller.segments(turn.first_text), self.session
        await self._room.until(
            lambda: all(segment.closed for segment in segments) or not self._room.isconnected(), timeout=None
        )
        if session is not None and is_closing(session):
            await self._room.until(lambda: self.closed is not None, timeout=None)

    # What the job's sessions call back (`Listener`).

    def session_starting(self, session: AgentSession[Any], *, is_captured: bool) -> None:
        """Record the first session's greeting from its start on."""
        if self.session is not None:
            return
        self.session = session
        self._starter = asyncio.current_task()
        assert self._starter is not None
        self._starter.add_done_callback(lambda _: self._check())
        session.on("close", self._on_close)
        self.greeting = self._turn = OpenTurn(None, Recorder(None, self._may_end), 0)
        if not is_captured:
            record(session, self.greeting.recorder)

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

    def words_not_received(self) -> None:
        """Note that the agent handles the caller's words itself."""
        self.hears = False

    def model_requested(self, request: Request) -> None:
        """Note a request to another model."""
        self.requests.append(request)

    def _may_end(self, recorder: Recorder) -> bool:
        """Return the second part of the rule above."""
        assert self._turn is not None
        if self._turn.said is not None:
            return not self._turn.unprocessed
        if not self.started:
            return False
        if self._has_returned() or self._is_return_awaited:
            return self._has_returned()
        return not self._is_speech_awaited or any(event.type == "message" for event in recorder.events)

    def _has_returned(self) -> bool:
        assert self._job is not None
        return self._job.returned.done() and (self._starter is None or self._starter.done())

    def _check(self) -> None:
        if self._turn is not None:
            self._turn.recorder.check()
        self._room.changed()

    def _on_close(self, event: CloseEvent) -> None:
        self.closed = event
        self._room.changed()
