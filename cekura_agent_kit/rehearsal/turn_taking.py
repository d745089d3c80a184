"""When the greeting of a rehearsed call ends, and each turn: definitely, never by a quiet period."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession, CloseEvent, llm

from . import internals
from .job import Job

__tracebackhide__ = True

RETURN = 2.0
"""Seconds in which an entrypoint may return once its session has started. Most do at once. One that does not is taken
to run as long as the call, and its greeting to have ended when something was said and nothing more is."""


class Talk:
    """What goes on between the caller and the job's first session. It is the job's `internals.Stage`.

    Args:
        model: in the place of the session's and its agents' own.
        changed: called when something did.
    """

    def __init__(self, model: llm.LLM[Any] | None, changed: Callable[[], None]) -> None:
        self.llm = model
        self.session: AgentSession[Any] | None = None
        """The first that was started: the one that is spoken to."""
        self.started = False
        self.closed: CloseEvent | None = None
        """How the session was closed; None while it was not."""
        self.awaited = ""
        """The text stream whose words were not taken yet."""
        self.untaken: Exception | None = None
        """Why words were not taken. livekit-agents logs it and goes on."""
        self._changed = changed
        self._job: Job | None = None
        self._greeting: internals.Run | None = None
        self._run: internals.Run | None = None
        self._gave_time = False
        self._must_speak = False

    def follow(self, job: Job) -> None:
        """Say of which job; to be called before it runs."""
        self._job = job
        job.returned.add_done_callback(lambda _: self._look_again())

    @property
    def has_greeting(self) -> bool:
        """Whether a session was started, which may greet."""
        return self._greeting is not None

    async def greeting(self, *, spoken: bool) -> internals.Run:
        """The greeting, which will end by itself.

        Args:
            spoken: of an entrypoint that does not return, wait until something was said.
        """
        assert self._greeting is not None
        assert self._job is not None
        self._must_speak = spoken
        if not self._gave_time:
            await asyncio.wait([self._job.returned], timeout=RETURN)
            self._gave_time = True
        self._look_again()
        return self._greeting

    def turn(self, text: str, say: Callable[[str], str]) -> internals.Run:
        """Say it, with ``say``, which gives the text stream's id; the turn will end by itself."""
        assert self.session is not None
        self._run = run = internals.Run(text, lambda _: not self.awaited)
        internals.record(self.session, run)
        self.untaken = None
        self.awaited = say(text)
        return run

    # What sessions tell (internals.Stage).

    def session_starting(self, session: AgentSession[Any], *, capture_run: bool) -> None:
        """The first one's greeting is recorded from its start on."""
        if self.session is not None:
            return
        self.session = session
        session.on("close", self._on_close)
        self._greeting = self._run = internals.Run(None, self._may_end)
        if not capture_run:
            internals.record(session, self._greeting)

    def session_started(self, session: AgentSession[Any]) -> None:
        """It can be spoken to."""
        if session is self.session:
            self.started = True
            self._look_again()

    def words_taken(self, stream_id: str, error: Exception | None) -> None:
        """That may have been the last of the turn."""
        if stream_id == self.awaited:
            self.awaited, self.untaken = "", error
            self._look_again()

    def _may_end(self, greeting: internals.Run) -> bool:
        assert self._job is not None
        if not self.started:
            return False
        if self._job.returned.done() or not self._gave_time:
            return self._job.returned.done()
        return not self._must_speak or any(event.type == "message" for event in greeting.events)

    def _look_again(self) -> None:
        if self._run is not None:
            self._run.look_again()
        self._changed()

    def _on_close(self, event: CloseEvent) -> None:
        self.closed = event
