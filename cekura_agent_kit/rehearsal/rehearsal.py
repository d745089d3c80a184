"""A rehearsed call: the real entrypoint in a room in memory, and the caller's side of it.

async with Rehearsal("agent.py", metadata={"tier": "gold"}) as call:
    print((await call.greeting()).text)
    turn = await call.say("A table for two, please.")
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from livekit.agents import Agent, AgentSession, llm
from livekit.agents.llm import ChatContext

from ..agent.call import Options
from ..agent.entrypoint import WrappedEntrypoint
from ..contract import ERROR_ATTRIBUTE, JobMetadata, Mode, parse_object
from ..errors import RehearsalError
from ..worker.module import find_file
from ..worker.source import import_name
from ..worker.target import Target, find_target, split_target
from .caller import Caller
from .environment import environment
from .failures import add_note, blocked, deaf_session, explain_missing_key, explain_model, not_replaced, too_long
from .frames import Place
from .internals import api, sessions
from .job import CLOSING, Job, Processes
from .modules import own_modules
from .room import MemoryRoom
from .server_api import Request
from .streams import Text
from .turn import Turn
from .turn_taking import OpenTurn, TurnTaking
from .watchdog import Watchdog

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
        llm: replaces the session's and its agents' own models.
        env: environment variables of the rehearsal, beside placeholders for well-known keys that are not set.
        timeout: seconds for the agent's start, for each turn, and for the session's end.
        scenario: Cekura's scenario id; ``current_call().scenario_id``.
        suite: ``current_call().suite``.
        folders: folders in which a relative path is searched; default: the current one.
        processes: shared by rehearsals of one agent, so that prewarm runs once.

    Attributes:
        turns: the turns so far; the greeting is the first.
        said: the caller's words, with their Unix time.
        target: what is rehearsed; None before it was found.
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
        self.said: list[tuple[float, str]] = []
        self.target: Target | None = None
        self._named = target
        own = _object(metadata) or {}
        self._metadata = JobMetadata(
            mode=Mode.TEXT, scenario=scenario, suite=suite, case=f"{scenario}#1", own=own
        ).to_json()
        self._model = llm
        self._env = dict(env or {})
        self._timeout = timeout
        self._folders = folders or [Path.cwd()]
        self._processes = processes or Processes()
        self._resources = contextlib.ExitStack()
        self._call: _Call | None = None
        self._refusal = ""

    # What a test uses.

    @property
    def session(self) -> AgentSession[Any]:
        """The job's first session.

        Raises:
            RehearsalError: none was started.
        """
        session = self._call.turn_taking.session if self._call is not None else None
        if session is None:
            raise RehearsalError("the entrypoint started no session", hint="check with which metadata it starts one")
        return session

    @property
    def history(self) -> ChatContext:
        """The session's chat history."""
        return self.session.history

    @property
    def room(self) -> MemoryRoom:
        """The room, with all that the agent sent and set in it."""
        return self._begun.room

    @property
    def caller(self) -> Caller:
        """The caller's side of the room."""
        caller = self._begun.caller
        assert caller is not None, "the agent has not joined the room"
        return caller

    @property
    def over(self) -> bool:
        """True once the call has ended, whoever ended it."""
        return self._call is None or self._call.job.over or not self.caller.present

    @property
    def heard(self) -> list[Text]:
        """The agent's words as they reached the caller, one text a segment."""
        return self.caller.segments() if self._call is not None and self._call.caller is not None else []

    @property
    def requests(self) -> list[Request]:
        """The agent's requests to LiveKit's server API, in order."""
        return list(self._call.job.server.requests) if self._call is not None else []

    @property
    def notes(self) -> list[str]:
        """What went otherwise than a test may expect: models of the agent's own that ``llm`` does not replace."""
        requests = self._call.turn_taking.requests if self._call is not None else []
        return list(dict.fromkeys(not_replaced(each) for each in requests if not each.is_answered_by_ours))

    @property
    def items(self) -> list[Any]:
        """The items of the session's chat history; none where no session was started."""
        session = self._call.turn_taking.session if self._call is not None else None
        return list(session.history.items) if session is not None else []

    @property
    def agent(self) -> Agent | None:
        """The agent that speaks now; None where no session runs."""
        session = self._call.turn_taking.session if self._call is not None else None
        try:
            return session.current_agent if session is not None else None
        except RuntimeError:
            return None

    async def greeting(self) -> Turn:
        """Wait for what the agent says before the caller speaks.

        Returns:
            The first turn. It has ended when the entrypoint has returned and all it set off is done; of an entrypoint
            that runs as long as the call, when something was said.
        """
        if not self.turns:
            self._share_mocks()
            await self._hear_greeting(is_spoken=True)
        return self.turns[0]

    async def say(self, text: str) -> Turn:
        """Say something once the agent has finished, and wait until it has finished again.

        Returns:
            The turn; it has ended when each reply, tool and handoff that it set off is done (see `turn_taking`).
        """
        self._share_mocks()
        if not self.turns:
            await self._hear_greeting(is_spoken=False)
        await self._require_session()
        if not self._begun.turn_taking.hears:
            raise deaf_session()
        turn = self._begun.turn_taking.begin(text, self.speak)
        await self._until_ended(turn)
        return self._ended(turn)

    def speak(self, text: str) -> str:
        """Say something at once, without waiting; return the id of the text stream."""
        self.said.append((time.time(), text))
        return self.caller.say(text)

    async def send_data(self, payload: object, *, topic: str = "") -> None:
        """Send a data packet, bytes and str as they are, anything else as JSON; on return the agent has received it."""
        self._share_mocks()
        await self._require_call()
        self.caller.send_data(payload, topic=topic)
        await self.room.delivered()

    async def ended(self) -> None:
        """Wait until the agent has ended the call and its shutdown callbacks have run.

        Raises:
            RehearsalError: it has not within ``timeout`` seconds.
        """
        job = self._begun.job
        await self._until(lambda: self.over, "the agent has not ended the call")
        if not job.over:  # the caller was removed; a server closes the room of an agent alone
            await self.room.close()
        await asyncio.wait([ended := asyncio.ensure_future(job.end("room disconnected"))], timeout=self._timeout)
        if not ended.done():
            ended.cancel()
            raise too_long("the job's shutdown did not end", self._timeout, job)
        await self._raise_failure()

    async def hang_up(self) -> None:
        """Leave, and end the call: on return the job is shut down, and its shutdown callbacks have run."""
        self.caller.leave()
        await self.room.close()
        await self._begun.job.end("room disconnected")

    # The call's begin and end.

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException as error:
            await self._release()
            if isinstance(error, Exception):
                explain_missing_key(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._raise_failure(already=error)
            await self.hang_up()
            await self._raise_failure(already=error)
        except Exception as late:
            if error is None or late is error:
                raise
            logger.exception("the call's end failed, too")
        finally:
            await self._release()
        for note in self.notes:
            warnings.warn(note, stacklevel=2)

    async def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        api.install()
        sessions.install()
        self.target = self._find()
        self._resources.enter_context(environment(self._env))
        room = MemoryRoom(f"rehearsal-{os.getpid()}", on_attributes=self._on_attributes)
        turn_taking = TurnTaking(room, self._model)
        process = self._processes.of(self.target.server)
        entrypoint = self.target.entrypoint
        if not self.target.is_wrapped:
            entrypoint = WrappedEntrypoint(entrypoint, Options())
        job = Job(
            self.target,
            entrypoint,
            metadata=self._metadata,
            process=process,
            room=room,
            listener=turn_taking,
            closing=min(CLOSING, self._timeout),
        )
        turn_taking.follow(job)
        self._call = _Call(room, job, turn_taking)
        self._resources.enter_context(Watchdog(self._timeout, job.owns, self._on_blocked))
        await self._until(lambda: room.isconnected() or job.returned.done(), "the entrypoint has not joined the room")
        self._call.caller = room.join()
        await self._until(
            lambda: turn_taking.started or job.returned.done(), "the entrypoint has not started a session"
        )

    def _find(self) -> Target:
        if isinstance(self._named, str | Path):
            file, _ = split_target(self._named)
            root, _ = import_name(find_file(file, self._folders))
            self._resources.enter_context(own_modules(root))
        # An agent's own .env file does not replace what is set: with placeholders first, its keys would be lost.
        with environment(self._env, placeholders=False):
            try:
                return find_target(self._named, folders=self._folders)
            except Exception as error:  # noqa: BLE001 - a module may raise anything for want of a key
                logger.debug("%s without placeholders for keys: %s", self._named, error)
        with environment(self._env):
            return find_target(self._named, folders=self._folders)

    async def _release(self) -> None:
        if self._call is not None:
            await self._call.job.cancel()
        self._resources.close()

    @property
    def _begun(self) -> _Call:
        assert self._call is not None, "use `async with`"
        return self._call

    def _share_mocks(self) -> None:
        """Let the agent use the `mock_tools` of the test as they are now."""
        sessions.set_mocks(self._begun.job.mocks)

    # Turns.

    async def _hear_greeting(self, *, is_spoken: bool) -> None:
        turn_taking = self._begun.turn_taking
        await self._until_session()
        assert turn_taking.greeting is not None
        await turn_taking.await_greeting(is_spoken=is_spoken)
        await self._until_ended(turn_taking.greeting)
        self._ended(turn_taking.greeting)

    async def _until_session(self) -> None:
        """Wait for the first session as long as something may start it: also a task that outlives the entrypoint.

        Raises:
            RehearsalError: nothing can, or it has not in time.
        """
        call, deadline = self._begun, time.monotonic() + self._timeout
        while call.turn_taking.greeting is None:
            await call.room.delivered()  # what the agent's callbacks start
            await self._require_call()
            tasks = call.job.tasks()
            if not tasks:
                _ = self.session
            ended: set[asyncio.Task[Any]] = set()
            for task in tasks:
                task.add_done_callback(ended.add)
                task.add_done_callback(lambda _: call.room.changed())
            await self._until(
                functools.partial(lambda ended: call.turn_taking.greeting or call.job.over or ended, ended),
                "no session has started",
                timeout=deadline - time.monotonic(),
            )

    async def _until_ended(self, turn: OpenTurn) -> None:
        """Wait for the end of a turn (see `turn_taking`); raise what kept it from ending well."""
        call, ended = self._begun, turn.recorder.ended
        await asyncio.wait([ended, call.job.failed], timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        await self._raise_failure()
        if not ended.done():
            what = "the session did not accept the caller's words" if turn.unprocessed else "the turn did not end"
            raise too_long(what, self._timeout, call.job)
        if (error := ended.exception()) is not None and not self._is_closed_well():
            if self._model is None:
                explain_model(error)
            raise error
        try:
            async with asyncio.timeout(self._timeout):
                await call.turn_taking.until_quiet(turn, self.caller)
        except TimeoutError:
            raise too_long(
                "the turn's speech, or the session that it closes, did not end", self._timeout, call.job
            ) from None
        if turn.error is not None:
            raise turn.error

    def _ended(self, turn: OpenTurn) -> Turn:
        heard = [segment.text for segment in self.caller.segments(turn.first_text)]
        self.turns.append(Turn(turn.said, heard, time.perf_counter() - turn.began, turn.recorder))
        return self.turns[-1]

    def _is_closed_well(self) -> bool:
        closed = self._begun.turn_taking.closed
        return closed is not None and closed.error is None

    # Failures.

    async def _require_call(self) -> None:
        """Raise where the call is over."""
        await self._raise_failure()
        call = self._begun
        if call.job.over:
            raise RehearsalError(
                f"the call is over: {call.job.reason}", hint="the call's transcript shows who ended it"
            )
        if not self.caller.present:
            raise RehearsalError(
                "the call is over: the agent removed the caller", hint="the call's transcript shows what came before"
            )

    async def _require_session(self) -> None:
        """Raise where there is no session that can be spoken to."""
        await self._require_call()
        if (closed := self._begun.turn_taking.closed) is not None:
            raise RehearsalError(
                f"the session was closed: {closed.reason.value}", hint="the call's transcript shows what came before"
            )
        _ = self.session

    async def _raise_failure(self, already: BaseException | None = None) -> None:
        """Raise what failed in the job, unless the test fails already."""
        job = self._begun.job
        if self._refusal:
            await job.end("refused")
        if already is not None:
            return
        if (error := job.failure) is not None:
            explain_missing_key(error)
            if self.target is not None and self.target.note:
                add_note(error, self.target.note)
            raise error
        if self._refusal:
            raise RehearsalError(self._refusal)

    async def _until(self, predicate: Callable[[], object], missing: str, *, timeout: float | None = None) -> None:
        """Wait for something of the agent's; ``missing`` is the error's text when it does not come in time."""
        try:
            await self.room.until(predicate, timeout=self._timeout if timeout is None else timeout)
        except TimeoutError:
            await self._raise_failure()
            raise too_long(missing, self._timeout, self._begun.job) from None
        await self._raise_failure()

    def _on_blocked(self, place: Place) -> None:
        # Called in the watchdog's thread.
        job, error = self._begun.job, blocked(place, self._timeout)
        self._loop.call_soon_threadsafe(job.fail, error)

    def _on_attributes(self, changed: dict[str, str]) -> None:
        # A refused agent stays in the room until it is removed, so that its error can be read. It was.
        if text := changed.get(ERROR_ATTRIBUTE):
            self._refusal = text
            self._begun.job.start(self.room.close())


class _Call:
    """The parts of a call that has begun; the caller joins last."""

    def __init__(self, room: MemoryRoom, job: Job, turn_taking: TurnTaking) -> None:
        self.room = room
        self.job = job
        self.turn_taking = turn_taking
        self.caller: Caller | None = None


def _object(metadata: Mapping[str, Any] | str | None) -> Mapping[str, Any] | None:
    if not isinstance(metadata, str):
        return metadata
    parsed = parse_object(metadata)
    if parsed is None and metadata:
        raise RehearsalError(
            f"metadata {metadata!r} is not a JSON object", hint="text mode is part of the metadata, so it must be one"
        )
    return parsed
