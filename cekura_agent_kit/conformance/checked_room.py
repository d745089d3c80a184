"""A room of a conformance check: created, its agent dispatched and watched, and deleted in every case."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from ..contract import ERROR_ATTRIBUTE, Mode
from ..errors import LiveKitError, NoSuchRoom
from ..permit import Key, Permit
from ..trigger.rooms.marks import room_metadata
from ..trigger.rooms.presence import ANNOUNCED, EVALUATOR
from ..trigger.rooms.readiness import agents_in
from ..trigger.rooms.room import PREFIX
from ..trigger.rooms.service import LiveKit, Participant, participant_token, retried
from ..trigger.rooms.witness import IDENTITY
from ..trigger.settings.settings import Settings
from ..trigger.stop import grace_after
from ..trigger.timing import Timing

_LIFETIME: Final = 300.0
"""Seconds for which a room may be needed."""
_GOES: Final = 10.0
"""Seconds in which the agent may leave by itself after the evaluator; then its room is deleted."""
_COMES_BACK: Final = 1.5
"""Seconds after the deletion in which a client that reconnects would create the room again."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The agent that is checked, and how.

    Attributes:
        agent_name: the name under which its worker is registered.
        settings: keys and addresses of LiveKit.
        metadata: the job's own keys.
        words: what the evaluator says.
        patience: seconds until the agent is active.
        answer: seconds for an answer.
        shown: seconds for the attributes of an agent that is active; the wrapper's are listed 50 ms later.
    """

    agent_name: str
    settings: Settings
    metadata: Mapping[str, Any] = field(default_factory=dict)
    words: str = "Hello, can you hear me?"
    patience: float = 20.0
    answer: float = 20.0
    shown: float = 5.0

    def signed_metadata(self, room: str, mode: Mode, *, key: Key | None = None, **claims: Any) -> str:
        """Return the metadata of a test in this room, signed as the trigger signs, or with another key."""
        permit = Permit(room=room, mode=mode, suite="check-agent", case="1#1", scenario=1, witness=IDENTITY, **claims)
        return permit.job_metadata(self.metadata, key=key or self.settings.signing_key, ttl=_LIFETIME)


class CheckedRoom:
    """One room. An async context manager.

    Attributes:
        name: of the room.
        audio_tracks: the most audio tracks that the agent was seen to publish.
    """

    def __init__(self, livekit: LiveKit, subject: Subject) -> None:
        self.name = f"{PREFIX}{secrets.token_hex(8)}"
        self.audio_tracks = 0
        self._livekit, self._subject = livekit, subject
        self._timing = Timing.of(subject.settings)
        self._dispatch: str | None = None
        self._exists = False

    async def __aenter__(self) -> Self:
        now = time.time()
        marks = room_metadata(suite="check-agent", suite_id="check-agent", made=now, deadline=now + _LIFETIME)
        # Set before the request: an answer that is lost may be of a room that was made.
        self._exists = True
        await self._livekit.create_room(self.name, metadata=marks, lasts=_LIFETIME)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._exists and (left := await self._delete(within=grace_after(kind).delete_rooms)) and kind is None:
            raise LiveKitError(
                f"room {self.name} could not be deleted: {left}",
                hint=f"delete it once LiveKit answers: cekura-kit sweep --room {self.name}",
            )

    async def agents(self) -> list[Participant]:
        """List the agents in the room."""
        try:
            found = agents_in(await self._livekit.participants(self.name))
        except NoSuchRoom:
            return []
        self.audio_tracks = max([self.audio_tracks, *(each.audio_tracks for each in found)])
        return found

    async def dispatch(self, metadata: str) -> list[Participant]:
        """Dispatch the agent, once more if no worker accepted the job. Returns the agents, once one is active."""
        deadline = time.monotonic() + self._subject.patience
        again = time.monotonic() + self._timing.no_job
        self._dispatch = await self._send(metadata)
        while time.monotonic() < deadline:
            found = await self.agents()
            if any(each.state == "active" for each in found):
                return found
            if not found and again is not None and time.monotonic() > again:
                again = float("inf")
                if not await self._livekit.jobs(self.name, self._dispatch):
                    await self._livekit.delete_dispatch(self.name, self._dispatch)
                    self._dispatch = await self._send(metadata)
            await asyncio.sleep(self._timing.list_fast)
        return []

    async def attributes(self, *names: str, within: float | None = None) -> Mapping[str, str]:
        """Return the agent's attributes, once it has all of these, has refused, or the time is over.

        Args:
            names: of the attributes.
            within: seconds. Default: those of the subject.
        """
        return await self._until(
            lambda shown: ERROR_ATTRIBUTE in shown or set(names) <= shown.keys(),
            self._subject.shown if within is None else within,
        )

    async def wait_for_track(self, within: float) -> bool:
        """Wait until the agent publishes an audio track."""
        await self._until(lambda _: self.audio_tracks > 0, within)
        return self.audio_tracks > 0

    async def announce(self) -> None:
        """Have the server announce the evaluator to the agent."""
        await self._livekit.set_attribute(self.name, EVALUATOR, ANNOUNCED)

    def token(self, identity: str, *, hidden: bool = False) -> str:
        """Return the token of a participant."""
        return participant_token(
            self._subject.settings, room=self.name, identity=identity, ttl=_LIFETIME, hidden=hidden
        )

    async def end(self) -> tuple[bool, str]:
        """End the room as a run's room ends, once the evaluator has left.

        Returns:
            True if the agent ended cleanly, and how it ended.
        """
        began = time.monotonic()
        by_itself = await self._gone(_GOES)
        took = time.monotonic() - began
        if error := await self._delete(within=grace_after(None).delete_rooms):
            raise error
        await asyncio.sleep(_COMES_BACK)
        if await self._livekit.rooms([self.name]):
            self._exists = True
            return False, "the agent's client created its room again after it was deleted"
        return True, f"left {took:.1f} s after the evaluator" if by_itself else "left when its room was deleted"

    async def _send(self, metadata: str) -> str:
        return await self._livekit.dispatch(self.name, agent_name=self._subject.agent_name, metadata=metadata)

    async def _until(self, enough: Callable[[Mapping[str, str]], bool], within: float) -> Mapping[str, str]:
        deadline = time.monotonic() + within
        while True:
            agents = await self.agents()
            shown = agents[0].attributes if agents else {}
            if enough(shown) or time.monotonic() >= deadline:
                return shown
            await asyncio.sleep(self._timing.list_fast)

    async def _gone(self, within: float) -> bool:
        deadline = time.monotonic() + within
        while await self.agents():
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(self._timing.list_fast)
        return True

    async def _delete(self, *, within: float) -> LiveKitError | None:
        """Delete the dispatch and the room. Returns the last error if the room may still exist."""
        if (dispatch := self._dispatch) is not None:
            self._dispatch = None
            await retried(lambda: self._livekit.delete_dispatch(self.name, dispatch), within=min(within / 2, 3))
        error = await retried(lambda: self._livekit.delete_room(self.name), within=within)
        self._exists = error is not None
        return error
