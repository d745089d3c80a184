"""A rehearsed call: the real entrypoint in a room in memory, and the caller's side of it.

async with Rehearsal("agent.py", metadata={"tier": "gold"}) as call:
    print((await call.greeting()).text)
    turn = await call.say("A table for two, please.")
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from livekit.agents import Agent, AgentSession
from livekit.agents.llm import ChatContext

from ..contract import Mode
from ..errors import RehearsalError
from ..worker.target import Target
from .call_setup import CallSetup
from .dispatched import Given, dispatched
from .failures import explain_missing_key, not_replaced, too_long
from .internals import sessions
from .job import CLOSING
from .model import Answering, Model, load_model
from .processes import Processes
from .room.caller import Caller
from .room.room import MemoryRoom
from .room.server_api import ServerRequest
from .room.streams import Text
from .turn import Turn
from .turn_taking import TurnTaking

__tracebackhide__ = True

logger = logging.getLogger("cekura_agent_kit.rehearsal")

TIMEOUT = 30.0
"""Seconds for one turn: a model that thinks, with tools, needs ten."""


class Rehearsal:
    """One call. Use it with ``async with``.

    Args:
        target: see `find_target`.
        mode: only ``"text"``.
        llm: replaces the session's and its agents' own models.
        env: environment variables of the rehearsal, beside placeholders for well-known keys that are not set.
        timeout: seconds for the agent's start, for each turn, and for the session's end.
        folders: folders in which a relative path is searched; default: the current one.
        processes: shared by rehearsals of one agent, so that prewarm runs once.
        given: what the test gives to the agent, see `Given`.
    """

    def __init__(
        self,
        target: object,
        *,
        mode: Mode | str = Mode.TEXT,
        llm: Answering | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        folders: Sequence[Path] = (),
        processes: Processes | None = None,
        **given: Unpack[Given],
    ) -> None:
        if mode != Mode.TEXT:
            raise RehearsalError(
                f"mode={str(mode)!r}: a rehearsal is in text",
                hint="speech is tested by `mode: voice` in a suite, with `cekura-kit run --sandbox` or on Cekura",
            )
        self._setup = CallSetup(
            target,
            dispatched=dispatched(given),
            model=load_model(llm, folders or [Path.cwd()]),
            env=dict(env or {}),
            timeout=timeout,
            folders=folders or [Path.cwd()],
            processes=processes or Processes(),
        )

    # What a test uses.

    @property
    def timeout(self) -> float:
        """Seconds for the agent's start, for each turn, and for the session's end; may be changed for the next one."""
        return self._setup.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._setup.timeout = seconds
        if self._call is not None:
            self._call.timeout, self._call.job.closing = seconds, min(CLOSING, seconds)

    @property
    def seed(self) -> int | None:
        """``current_call().seed`` of the agent."""
        return self._setup.dispatched.seed

    @property
    def model(self) -> Model | None:
        """The option ``llm``."""
        return self._setup.model

    @property
    def target(self) -> Target | None:
        """The agent that is rehearsed; None before it was found."""
        return self._setup.target

    @property
    def turns(self) -> list[Turn]:
        """The turns so far; the greeting is the first."""
        return self._call.turns if self._call is not None else []

    @property
    def said(self) -> list[tuple[float, str]]:
        """The caller's words, with their Unix time."""
        return self._call.said if self._call is not None else []

    @property
    def session(self) -> AgentSession[Any]:
        """The job's first session.

        Raises:
            RehearsalError: none was started.
        """
        if self._session is None:
            raise RehearsalError("the entrypoint started no session", hint="check with which metadata it starts one")
        return self._session

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
        return self._call is None or self._call.over

    @property
    def heard(self) -> list[Text]:
        """The agent's words as they reached the caller, one text a segment."""
        return self.caller.segments() if self._call is not None and self._call.caller is not None else []

    @property
    def requests(self) -> list[ServerRequest]:
        """The agent's requests to LiveKit's server API, in order."""
        return list(self._call.job.server.requests) if self._call is not None else []

    @property
    def notes(self) -> list[str]:
        """Notes on models of the agent's own that ``llm`` did not replace; pytest shows them as warnings, too."""
        requests = self._call.requests if self._call is not None else []
        return list(dict.fromkeys(not_replaced(each) for each in requests if not each.is_answered_by_ours))

    @property
    def items(self) -> list[Any]:
        """The items of the session's chat history; none where no session was started."""
        return list(self._session.history.items) if self._session is not None else []

    @property
    def agent(self) -> Agent | None:
        """The agent that speaks now; None where no session runs."""
        try:
            return self._session.current_agent if self._session is not None else None
        except RuntimeError:
            return None

    async def greeting(self) -> Turn:
        """Wait for the greeting: the agent's words before the caller's first.

        Returns:
            The first turn. It has ended when the entrypoint has returned and all it set off is done; of an entrypoint
            that runs as long as the call, when something was said.
        """
        self._share_mocks()
        return self.turns[0] if self.turns else await self._begun.greet(is_spoken=True)

    async def say(self, text: str) -> Turn:
        """Say something once the agent has finished, and wait until it has finished again.

        Returns:
            The turn; it has ended when each reply, tool and handoff that it set off is done (see `turn_taking`).
        """
        self._share_mocks()
        return await self._begun.say(text)

    def speak(self, text: str) -> str:
        """Say something at once, without waiting; return the id of the text stream."""
        return self._begun.speak(text)

    async def next_words(self) -> Turn:
        """Wait for words of the agent's own accord since the last turn, also for those that it has sent already.

        Returns:
            A turn without words of the caller.

        Raises:
            RehearsalError: the agent said nothing within ``timeout`` seconds, or the call is over.
        """
        self._share_mocks()
        return await self._begun.next_words()

    async def send_data(self, payload: object, *, topic: str = "") -> None:
        """Send a data packet, bytes and str as they are, anything else as JSON; on return the agent has received it."""
        self._share_mocks()
        await self._begun.require_call()
        self.caller.send_data(payload, topic=topic)
        await self.room.delivered()

    async def ended(self) -> None:
        """Wait until the agent has ended the call and its shutdown callbacks have run.

        Raises:
            RehearsalError: it has not within ``timeout`` seconds.
        """
        call = self._begun
        await call.until(lambda: call.over, "the agent has not ended the call")
        if not call.job.over:  # the caller was removed; a server closes the room of an agent alone
            await self.room.close()
        ended = asyncio.ensure_future(call.job.end("room disconnected"))
        await asyncio.wait([ended], timeout=self.timeout)
        if not ended.done():
            ended.cancel()
            raise too_long("the job's shutdown did not end", self.timeout, call.job.waits())
        await call.job.raise_failure()

    async def hang_up(self) -> None:
        """Leave, and end the call: on return the job is shut down, and its shutdown callbacks have run."""
        self.caller.leave()
        await self.room.close()
        await self._begun.job.end("room disconnected")

    # The call's begin and end.

    async def __aenter__(self) -> Self:
        try:
            await self._setup.begin()
        except BaseException as error:
            await self._setup.release()
            if isinstance(error, Exception):
                explain_missing_key(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        job = self._begun.job
        try:
            if error is None:
                await job.raise_failure()
            await self.hang_up()
            if error is None:
                await job.raise_failure()
        except Exception as late:
            if error is None or late is error:
                raise
            logger.exception("the call's end failed, too")
        finally:
            await self._setup.release()
        for note in self.notes:
            warnings.warn(note, stacklevel=2)

    @property
    def _call(self) -> TurnTaking | None:
        return self._setup.call

    @property
    def _begun(self) -> TurnTaking:
        assert self._call is not None, "use `async with`"
        return self._call

    @property
    def _session(self) -> AgentSession[Any] | None:
        return self._call.session if self._call is not None else None

    def _share_mocks(self) -> None:
        """Let the agent use the `mock_tools` of the test as they are now."""
        sessions.set_mocks(self._begun.job.mocks)
