"""The evaluator in a LiveKit room: what text and voice have in common."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

from livekit import rtc

from ... import native_log
from ...errors import JoinRefused
from ...room_handlers import RoomHandlers
from ...safe_text import without_tokens
from .channel import ChannelClosed, Speaker, ToolUse, Utterance
from .tool_events import ToolEvents, agents_in

_CONNECT_TIMEOUT: Final = 10.0
"""Seconds for one attempt. Joining a server on loopback takes 0.05 to 0.3."""
_STATE: Final = "lk.agent.state"
"""Attribute that livekit-agents sets."""
_BUSY: Final = frozenset({"thinking", "speaking"})
_RETURN_WAIT: Final = 15.0
"""Seconds in which an agent may come back after the connection to the server was lost. Everybody then sees everybody
else leave. After a restart of the server they are back in 0.5 to 3."""


class RoomChannel:
    """Base of the evaluator's channels in a room. Implements `Channel`.

    A subclass implements `say` and `settle`, and calls `_add_heard` for each utterance of the agent. It registers its
    handlers in ``__init__``, before the room is connected, so that no early words are lost; it publishes its tracks in
    `_joined`. `_receive_last_words` waits for what the agent had said before it left.

    Attributes:
        transcript, agent_came, goodbye_wait: see `Channel`.
        room: the room.
        handlers: all of the room; they are removed once it is left.
    """

    goodbye_wait = 1.0
    calm = 0.3
    """An agent is between two states for some milliseconds."""

    def __init__(self) -> None:
        self.transcript: list[Utterance] = []
        self.agent_came = False
        self._uses: list[ToolUse] = []
        native_log.install()
        self.room = rtc.Room()
        self.handlers = RoomHandlers(self.room)
        self._began = time.monotonic()
        self._tools: ToolEvents | None = None
        self._heard: asyncio.Queue[str | None] = asyncio.Queue()
        self._closed_because = ""
        self._hung_up = False
        self._closing: asyncio.Task[None] | None = None
        self._reconnecting_until = 0.0
        self._return_timer: asyncio.TimerHandle | None = None
        self.handlers.on("participant_connected", self._on_connected)
        self.handlers.on("participant_disconnected", self._on_disconnected)
        self.handlers.on("reconnecting", self._on_reconnecting)
        self.handlers.on("reconnected", self._on_reconnecting)
        self.handlers.on("disconnected", self._on_closed)

    async def join(self, url: str, token: str) -> Self:
        """Join the token's room.

        Raises:
            JoinRefused: there is no server at the URL, or it does not accept the token.
        """
        options = rtc.RoomOptions(connect_timeout=_CONNECT_TIMEOUT)
        connecting = asyncio.ensure_future(self.room.connect(url, token, options))
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # A connect that is not awaited still joins, and stays in the room; after ten seconds livekit's native
            # client ends the process. Therefore it is awaited, however often this task is cancelled.
            while not connecting.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({connecting})
            if not connecting.cancelled() and connecting.exception() is None:
                await self.room.disconnect()
            raise
        except rtc.ConnectError as error:
            # Not chained: the original error quotes the URL with the whole token.
            raise JoinRefused(without_tokens(error.message)) from None
        self._began = time.monotonic()
        for participant in self.room.remote_participants.values():
            self._on_connected(participant)
        await self._joined()
        return self

    async def say(self, text: str, *, interrupt: bool = False) -> None:
        """See `Channel.say`."""
        raise NotImplementedError

    async def can_interrupt(self, within: float) -> bool:
        """See `Channel.can_interrupt`."""
        return True

    async def watch_tools(self) -> None:
        """See `Channel.watch_tools`."""
        self._tools = ToolEvents(self.room, self.handlers, self._uses, began=time.time() - self.clock)
        await self._tools.ask()

    @property
    def uses(self) -> Sequence[ToolUse]:
        """See `Channel.uses`."""
        return self._uses

    @property
    def sees_tools(self) -> bool:
        """See `Channel.sees_tools`."""
        return self._tools is not None and self._tools.answered

    @property
    def agent_is_busy(self) -> bool:
        """See `Channel.agent_is_busy`."""
        return any(agent.attributes.get(_STATE) in _BUSY for agent in agents_in(self.room))

    async def send_data(self, payload: Mapping[str, Any]) -> None:
        """Send the payload as JSON in a data packet, reliably and without a topic."""
        if self._closed_because:
            raise ChannelClosed(self._closed_because)
        await self.room.local_participant.publish_data(json.dumps(payload), reliable=True)

    async def hear(self) -> str:
        """See `Channel.hear`."""
        words = await self._heard.get()
        if words is None:
            self._heard.put_nowait(None)
            raise ChannelClosed(self._closed_because)
        return words

    async def settle(self) -> None:
        """See `Channel.settle`."""
        raise NotImplementedError

    async def hang_up(self) -> None:
        """See `Channel.hang_up`."""
        self._stop_return_timer()
        self._hung_up = self._hung_up or not self._closed_because
        self._close("the evaluator hung up")
        await self.room.disconnect()
        if self._closing is not None:
            await asyncio.wait({self._closing})
        self.handlers.remove()

    @property
    def clock(self) -> float:
        """Seconds since the evaluator joined."""
        return time.monotonic() - self._began

    @property
    def diagnosis(self) -> str:
        """A sentence that says why the agent may not have been heard; empty without a reason."""
        return ""

    @property
    def identity(self) -> str:
        """The evaluator's identity: the token's."""
        return self.room.local_participant.identity

    async def _joined(self) -> None:
        """Hook for subclasses, called once the room is joined."""

    async def _receive_last_words(self) -> None:
        """Hook for subclasses, called once the channel is closed: add what the agent said before, within seconds."""

    def _add_line(self, speaker: Speaker, text: str, start: float, end: float) -> None:
        """Add an utterance to the transcript."""
        self.transcript.append(Utterance(speaker, text, start, end))
        self.transcript.sort(key=lambda each: each.start)

    def _add_heard(self, text: str, start: float, end: float | None = None) -> None:
        """Add a complete utterance of the agent, for `hear` to return. It ends now by default."""
        self._add_line("agent", text, start, self.clock if end is None else end)
        self._heard.put_nowait(text)

    def _drop_heard(self) -> None:
        """Drop the agent's utterances before the evaluator speaks. Raises `ChannelClosed` if the agent is gone."""
        while not self._heard.empty():
            self._heard.get_nowait()
        if self._closed_because:
            self._heard.put_nowait(None)
            raise ChannelClosed(self._closed_because)

    def _close(self, because: str) -> None:
        if not self._closed_because:
            self._closed_because = because
            self._closing = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        """Let `hear` raise once the agent's last words were received."""
        try:
            await self._receive_last_words()
        finally:
            self._heard.put_nowait(None)

    def _on_reconnecting(self) -> None:
        self._reconnecting_until = time.monotonic() + _RETURN_WAIT

    def _on_connected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            self.agent_came = True
            self._stop_return_timer()

    def _on_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            return
        if time.monotonic() < self._reconnecting_until:
            self._start_return_timer()
        else:
            self._close("the agent left the room")

    def _start_return_timer(self) -> None:
        self._stop_return_timer()
        self._return_timer = asyncio.get_running_loop().call_later(_RETURN_WAIT, self._on_not_returned)

    def _stop_return_timer(self) -> None:
        if self._return_timer is not None:
            self._return_timer.cancel()
            self._return_timer = None

    def _on_not_returned(self) -> None:
        if self.room.connection_state == rtc.ConnectionState.CONN_RECONNECTING:
            self._start_return_timer()
        else:
            self._close("the agent left the room")

    def _on_closed(self, reason: object = None) -> None:
        self._close("the room was closed")
