"""A line through a LiveKit room: what the text line and the voice line have in common."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Self

from livekit import rtc

from ...errors import JoinRefused
from ..cekura.evaluator import ChannelClosed, Speaker, Utterance

_CONNECT_TIMEOUT: Final = 10.0
"""Seconds for one attempt; joining a server on loopback takes 0.05 to 0.3."""
_RETURN: Final = 15.0
"""Seconds in which an agent may come back after the server was lost: all are then told that all others have left. A
server that was restarted has its participants again after 0.5 to 3."""
_TOKEN: Final = re.compile(r"ey[\w-]+\.[\w-]+\.[\w-]+|access_token=[^&\s\"']+")
"""ConnectError quotes the URL it tried, and with it the whole token."""


class RoomChannel:
    """The evaluator in a room. A subclass says how words go in (`say`) and calls `_note` and `_deliver` for what comes.

    Handlers are set before the room is connected, so that nothing said early is lost: a subclass sets its own in
    ``__init__``, and publishes what it needs in `_joined`.
    """

    def __init__(self) -> None:
        self.transcript: list[Utterance] = []
        self.agent_came = False
        self.room = rtc.Room()
        self._began = time.monotonic()
        self._heard: asyncio.Queue[str | None] = asyncio.Queue()
        self._closed = ""
        self._unsettled_until = 0.0
        self._return: asyncio.TimerHandle | None = None
        self.room.on("participant_connected", self._on_came)
        self.room.on("participant_disconnected", self._on_left)
        self.room.on("reconnecting", self._on_unsettled)
        self.room.on("reconnected", self._on_unsettled)
        self.room.on("disconnected", self._on_disconnected)

    async def join(self, url: str, token: str) -> Self:
        """Join the token's room.

        Raises:
            JoinRefused: the URL leads nowhere or the token does not open the room.
        """
        options = rtc.RoomOptions(connect_timeout=_CONNECT_TIMEOUT)
        connecting = asyncio.ensure_future(self.room.connect(url, token, options))
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # A connect that nobody awaits any more still joins and stays in the room, and after ten seconds livekit's
            # native client ends the process for it. So it is awaited, however often this is cancelled.
            while not connecting.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({connecting})
            if not connecting.cancelled() and connecting.exception() is None:
                await self.room.disconnect()
            raise
        except rtc.ConnectError as error:
            # Not chained: the original's text carries the token.
            raise JoinRefused(_TOKEN.sub("…", error.message)) from None
        self._began = time.monotonic()
        for participant in self.room.remote_participants.values():
            self._on_came(participant)
        await self._joined()
        return self

    async def say(self, text: str) -> None:
        """See `Line.say`."""
        raise NotImplementedError

    async def send_data(self, payload: Mapping[str, Any]) -> None:
        """Send JSON as a raw data packet, reliably and without a topic."""
        await self.room.local_participant.publish_data(json.dumps(payload), reliable=True)

    async def hear(self) -> str:
        """See `Line.hear`."""
        words = await self._heard.get()
        if words is None:
            self._heard.put_nowait(None)
            raise ChannelClosed(self._closed)
        return words

    async def hang_up(self) -> None:
        """See `Line.hang_up`."""
        self._wait_no_more()
        self._close("the evaluator hung up")
        await self.room.disconnect()

    @property
    def clock(self) -> float:
        """Seconds since the evaluator joined."""
        return time.monotonic() - self._began

    @property
    def diagnosis(self) -> str:
        """Why nothing may have been understood of the agent, as a sentence; empty where there is no reason."""
        return ""

    @property
    def identity(self) -> str:
        """The evaluator's own identity: the token's."""
        return self.room.local_participant.identity

    async def _joined(self) -> None:
        """Called once the room is joined."""

    def _note(self, speaker: Speaker, text: str, start: float, end: float) -> None:
        """Write it into the transcript."""
        self.transcript.append(Utterance(speaker, text, start, end))
        self.transcript.sort(key=lambda each: each.start)

    def _deliver(self, text: str, start: float, end: float | None = None) -> None:
        """The agent has said something, whole; by default it ends now."""
        self._note("agent", text, start, self.clock if end is None else end)
        self._heard.put_nowait(text)

    def _forget(self) -> None:
        """Drop what was said before the evaluator speaks. Raises `ChannelClosed` where nobody is left."""
        while not self._heard.empty():
            self._heard.get_nowait()
        if self._closed:
            self._heard.put_nowait(None)
            raise ChannelClosed(self._closed)

    def _close(self, why: str) -> None:
        if not self._closed:
            self._closed = why
            self._heard.put_nowait(None)

    def _on_unsettled(self) -> None:
        self._unsettled_until = time.monotonic() + _RETURN

    def _on_came(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            self.agent_came = True
            self._wait_no_more()

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            return
        if time.monotonic() < self._unsettled_until:
            self._wait_for_return()
        else:
            self._close("the agent left the room")

    def _wait_for_return(self) -> None:
        self._wait_no_more()
        self._return = asyncio.get_running_loop().call_later(_RETURN, self._on_not_returned)

    def _wait_no_more(self) -> None:
        if self._return is not None:
            self._return.cancel()
            self._return = None

    def _on_not_returned(self) -> None:
        if self.room.connection_state == rtc.ConnectionState.CONN_RECONNECTING:
            self._wait_for_return()
        else:
            self._close("the agent left the room")

    def _on_disconnected(self, reason: object = None) -> None:
        self._close("the room was closed")
