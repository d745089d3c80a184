"""A rehearsed call: the real entrypoint in a room in memory, and the caller's side of it.

async with Rehearsal("agent.py", metadata={"tier": "gold"}) as call:
    print((await call.greeting()).text)
    turn = await call.say("A table for two, please.")
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from livekit.agents import Agent, AgentSession, llm
from livekit.agents.llm import ChatContext

from ..agent.call import Options
from ..agent.entrypoint import WrappedEntrypoint
from ..contract import ERROR_ATTRIBUTE, Mode, job_metadata, parse_metadata
from ..errors import RehearsalError
from ..worker.target import Entrypoint, Target, find_target
from . import internals
from .caller import TRANSCRIPTION_TOPIC, Caller
from .environment import add_note, environment, explain_missing_key
from .job import Job, Processes
from .room import MemoryRoom
from .streams import Text
from .turn import Turn
from .turn_taking import Talk

__tracebackhide__ = True

logger = logging.getLogger("cekura_agent_kit.rehearsal")

TIMEOUT = 30.0
"""Seconds for one turn: a model that thinks, with tools, needs ten."""


class Rehearsal:
    """One call. Use it with ``async with``.

    Args:
        target: see `find_target`.
        metadata: the job's metadata, a mapping or the JSON of an object; ``text_mode`` is added, as a trigger does.
        mode: only ``"text"``.
        llm: put in the place of the session's and its agents' own models.
        env: set in the environment, beside placeholders for well-known keys that are not set.
        timeout: seconds for the agent's start, and for each turn.
        scenario: Cekura's scenario id, as `current_call` tells it.
        suite: as `current_call` tells it.
        folders: where a relative path is looked for.
        processes: of whoever holds several rehearsals, so that prewarm runs once.
    """

    def __init__(
        self,
        target: object,
        *,
        metadata: Mapping[str, Any] | str | None = None,
        mode: Mode | str = Mode.TEXT,
        llm: llm.LLM[Any] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        scenario: int = 0,
        suite: str = "rehearsal",
        folders: Sequence[Path] = (),
        processes: Processes | None = None,
    ) -> None:
        if mode != Mode.TEXT:
            raise RehearsalError(
                f"mode={str(mode)!r}: a rehearsal is in text",
                hint="speech is tested by `mode: voice` in a suite, with `cekura-kit run --sandbox` or on Cekura",
            )
        self.turns: list[Turn] = []
        """The turns so far; the greeting is the first."""
        self.said: list[tuple[float, str]] = []
        """The caller's words, with their Unix time."""
        self._asked = target
        self._metadata = job_metadata(
            Mode.TEXT, scenario=scenario, suite=suite, case=f"{scenario}#1", extra=_object(metadata)
        )
        self._env = dict(env or {})
        self._timeout = timeout
        self._folders = folders or [Path.cwd()]
        self._processes = processes or Processes()
        self._resources = contextlib.ExitStack()
        self._target: Target | None = None
        self._room: MemoryRoom | None = None
        self._caller: Caller | None = None
        self._job: Job | None = None
        self._talk = Talk(llm, self._changed)
        self._refused = ""
        self._began = 0.0

    # What a test uses.

    @property
    def session(self) -> AgentSession[Any]:
        """The job's session."""
        if self._talk.session is None:
            raise RehearsalError("the entrypoint started no session", hint="check with which metadata it starts one")
        return self._talk.session

    @property
    def history(self) -> ChatContext:
        """The session's chat history."""
        return self.session.history

    @property
    def room(self) -> MemoryRoom:
        """The room, with all that the agent sent and set in it."""
        assert self._room is not None, "use `async with`"
        return self._room

    @property
    def caller(self) -> Caller:
        """The caller's side of the room."""
        assert self._caller is not None, "use `async with`"
        return self._caller

    @property
    def over(self) -> bool:
        """Whether the call has ended, whoever ended it."""
        return self._job is None or self._job.over

    @property
    def target(self) -> Target | None:
        """What is rehearsed; None before it was found."""
        return self._target

    @property
    def heard(self) -> list[Text]:
        """The agent's words as they reached the caller, one a segment."""
        return self._heard(0) if self._caller is not None else []

    @property
    def items(self) -> list[Any]:
        """The items of the session's chat history; none where no session was started."""
        return list(self._talk.session.history.items) if self._talk.session is not None else []

    @property
    def agent(self) -> Agent | None:
        """Who speaks now; None where no session runs."""
        try:
            return self._talk.session.current_agent if self._talk.session is not None else None
        except RuntimeError:
            return None

    async def greeting(self) -> Turn:
        """What the agent says before it is spoken to: until its entrypoint has returned and nothing is being said.

        Of an entrypoint that runs as long as the call: until something was said.
        """
        if not self.turns:
            self._follow()
            await self._hear_greeting(spoken=True)
        return self.turns[0]

    async def say(self, text: str) -> Turn:
        """Say something once the agent has finished, and wait until it has finished again.

        Returns:
            The turn; it has ended when each reply, tool and handoff that it set off is done.
        """
        self._follow()
        if not self.turns:
            await self._hear_greeting(spoken=False)
        await self._present()
        mark, began = len(self.room.texts), time.perf_counter()
        run = self._talk.turn(text, self.speak)
        await self._finish(run)
        if self._talk.untaken is not None:
            raise self._talk.untaken
        return await self._turn(text, run, mark, began)

    def speak(self, text: str) -> str:
        """Say something at once, and wait for nothing; gives the id of the text stream."""
        self.said.append((time.time(), text))
        return self.caller.say(text)

    async def send_data(self, payload: object, *, topic: str = "") -> None:
        """Send a data packet, bytes and str as they are, anything else as JSON; the agent has it on return."""
        self._follow()
        await self._present()
        self.caller.send_data(payload, topic=topic)
        await self.room.delivered()

    async def hang_up(self) -> None:
        """Leave, and end the call: the job is shut down, and its shutdown callbacks have run, on return."""
        assert self._job is not None, "use `async with`"
        self.caller.leave()
        await self.room.close()
        await self._job.end("room disconnected")

    # The call's begin and end.

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException as error:
            await self._give_up()
            if isinstance(error, Exception):
                explain_missing_key(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._job is not None
        try:
            await self._raise_failure(already=error)
            await self.hang_up()
            await self._raise_failure(already=error)
        except Exception as late:
            if error is None or late is error:
                raise
            logger.exception("the call's end failed, too")
        finally:
            await self._give_up()

    async def _begin(self) -> None:
        internals.install()
        self._target = target = self._find()
        self._resources.enter_context(environment(self._env))
        self._room = room = MemoryRoom(f"rehearsal-{os.getpid()}")
        room.on_agent_attributes = self._on_attributes
        self._began = time.perf_counter()
        self._job = Job(
            target,
            _wrapped(target),
            metadata=self._metadata,
            process=self._processes.of(target.server),
            room=room,
            stage=self._talk,
        )
        self._talk.follow(self._job)
        returned = self._job.returned
        await self._reach(lambda: room.isconnected() or returned.done(), "joined the room")
        self._caller = room.join()
        await self._reach(lambda: self._talk.started or returned.done(), "started a session")

    def _find(self) -> Target:
        # An agent's own .env file does not replace what is set: with placeholders first, its keys would be lost.
        with environment(self._env, placeholders=False):
            try:
                return find_target(self._asked, folders=self._folders)
            except Exception as error:  # noqa: BLE001 - a module may raise anything for want of a key
                logger.debug("%s without placeholders for keys: %s", self._asked, error)
        with environment(self._env):
            return find_target(self._asked, folders=self._folders)

    async def _give_up(self) -> None:
        if self._job is not None:
            await self._job.cancel()
        self._resources.close()

    def _on_attributes(self, changed: dict[str, str]) -> None:
        # A failed agent stays in the room until it is removed, so that its error can be read. It was.
        if text := changed.get(ERROR_ATTRIBUTE):
            self._refused = text
            assert self._job is not None
            self._job.start(self.room.close())

    # Turns.

    async def _hear_greeting(self, *, spoken: bool) -> None:
        if not self._talk.has_greeting:
            await self._present()
        run = await self._talk.greeting(spoken=spoken)
        await self._finish(run)
        await self._turn(None, run, 0, self._began)

    async def _finish(self, run: internals.Run) -> None:
        """Wait for the end of the turn; raise what kept it from ending well."""
        assert self._job is not None
        await asyncio.wait([run.ended, self._job.failed], timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        await self._raise_failure()
        if not run.ended.done():
            raise self._too_long(
                "nobody took the caller's words" if self._talk.awaited else "the agent's turn did not end"
            )
        closed = self._talk.closed
        if (error := run.ended.exception()) is not None and (closed is None or closed.error is not None):
            raise self._explained(error)

    async def _turn(self, said: str | None, run: internals.Run, mark: int, began: float) -> Turn:
        texts = self._heard(mark)
        await self.room.until(lambda: all(text.closed for text in texts) or not self.room.isconnected(), timeout=None)
        turn = Turn(said, [text.text for text in texts], time.perf_counter() - began, run)
        self.turns.append(turn)
        return turn

    def _heard(self, mark: int) -> list[Text]:
        ours = (TRANSCRIPTION_TOPIC, self.room.agent_identity)
        texts = self.room.texts[mark:]
        return [text for text in texts if (text.topic, text.sender) == ours and self.caller.identity in text.to]

    async def _present(self) -> None:
        """Raise where there is no session that can be spoken to."""
        await self._raise_failure()
        assert self._job is not None
        if self._job.over:
            raise RehearsalError(
                f"the call is over: {self._job.reason}", hint="look at who ended it, in the call's transcript"
            )
        if (closed := self._talk.closed) is not None:
            raise RehearsalError(f"the session was closed: {closed.reason.value}", hint="look at who closed it")
        _ = self.session

    def _changed(self) -> None:
        if self._room is not None:
            self._room.changed()

    def _follow(self) -> None:
        """Let the agent see the `mock_tools` of the test as they are now."""
        if self._job is not None:
            internals.follow_mocks(self._job.mocks)

    # Failures.

    async def _raise_failure(self, already: BaseException | None = None) -> None:
        """Raise what failed in the job, unless the test fails already."""
        assert self._job is not None
        if self._refused:
            await self._job.end("refused")
        if already is not None:
            return
        if (error := self._job.failure) is not None:
            explain_missing_key(error)
            if self._target is not None and self._target.note:
                add_note(error, self._target.note)
            raise error
        if self._refused:
            raise RehearsalError(self._refused)

    async def _reach(self, predicate: Any, what: str) -> None:
        assert self._job is not None
        try:
            await self.room.until(predicate, timeout=self._timeout)
        except TimeoutError:
            raise self._too_long(f"the entrypoint has not {what}") from None
        await self._raise_failure()

    def _too_long(self, what: str) -> RehearsalError:
        assert self._job is not None
        stack = [f"{Path(file).name}:{line} in {function}" for file, line, function in self._job.stack]
        waits = f"; the entrypoint waits at {' > '.join(stack)}" if stack else ""
        return RehearsalError(
            f"{what} within {self._timeout:g} s{waits}", hint="give more time with rehearse(…, timeout=seconds)"
        )

    def _explained(self, error: BaseException) -> BaseException:
        if self._talk.llm is None:
            add_note(error, "rehearse(…, llm=…) puts a scripted model in the place of the agent's own: no key needed")
        return error


def _wrapped(target: Target) -> Entrypoint:
    """Return the entrypoint as a worker runs it, wrapped for the rehearsal where its owner has not wrapped it."""
    return target.entrypoint if target.is_wrapped else WrappedEntrypoint(target.entrypoint, Options())


def _object(metadata: Mapping[str, Any] | str | None) -> Mapping[str, Any] | None:
    if not isinstance(metadata, str):
        return metadata
    parsed = parse_metadata(metadata)
    if parsed is None and metadata:
        raise RehearsalError(
            f"metadata {metadata!r} is no JSON object", hint="text mode travels in it, so it must be one"
        )
    return parsed
