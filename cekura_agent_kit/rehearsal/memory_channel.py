"""The evaluator's channel in a rehearsal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from ..sandbox.channels.channel import ChannelClosed, Speaker, ToolUse, Utterance
from .rehearsal import Rehearsal
from .turn import arguments_of

__tracebackhide__ = True

_BUSY: Final = frozenset({"thinking", "speaking"})
"""States of an `AgentSession`."""


class MemoryChannel:
    """The evaluator's channel in a rehearsal (`sandbox.channels.channel.Channel`)."""

    goodbye_wait = 1.0
    calm = 0.05
    sees_tools = True

    def __init__(self, call: Rehearsal) -> None:
        self.transcript: list[Utterance] = []
        self.agent_came = True
        self._call = call
        self._began = time.time()
        self._next = 0

    @property
    def clock(self) -> float:
        """See `Channel.clock`. By the time of day, as the times of words and tool calls."""
        return time.time() - self._began

    @property
    def uses(self) -> list[ToolUse]:
        """See `Channel.uses`."""
        calls = [item for item in self._call.items if item.type == "function_call"]
        return [ToolUse(each.name, arguments_of(each), each.created_at - self._began) for each in calls]

    @property
    def agent_is_busy(self) -> bool:
        """See `Channel.agent_is_busy`."""
        if self._is_closed():
            return False
        # Without an agent there is no session.
        is_active = self._call.agent is not None and self._call.session.agent_state in _BUSY
        return is_active or any(not text.closed for text in self._call.heard)

    async def watch_tools(self) -> None:
        """See `Channel.watch_tools`. The session's history has the tool calls."""

    async def can_interrupt(self, within: float) -> bool:
        """See `Channel.can_interrupt`."""
        return True

    async def send_data(self, payload: Mapping[str, Any]) -> None:
        """See `Channel.send_data`."""
        self._require_agent()
        await self._call.send_data(dict(payload))

    async def say(self, text: str, *, interrupt: bool = False) -> None:
        """See `Channel.say`."""
        self._require_agent()
        self._next = len(self._call.heard)
        self._note("evaluator", text, self.clock)
        self._call.speak(text)

    async def hear(self) -> str:
        """See `Channel.hear`."""
        room = self._call.room
        while True:
            await room.until(lambda: self._is_complete() or self._is_closed(), timeout=None)
            if not self._is_complete():
                self._require_agent()
                continue
            text = self._call.heard[self._next]
            self._next += 1
            if words := text.text.strip():
                self._note("agent", words, text.at - self._began)
                return words

    async def settle(self) -> None:
        """See `Channel.settle`. In memory all has arrived."""

    async def hang_up(self) -> None:
        """See `Channel.hang_up`."""
        self._call.caller.leave()

    def _is_closed(self) -> bool:
        return not self._call.room.isconnected() or not self._call.caller.present

    def _require_agent(self) -> None:
        if not self._call.room.isconnected():
            raise ChannelClosed("the agent left the room")
        if not self._call.caller.present:
            raise ChannelClosed("the agent removed the caller")

    def _is_complete(self) -> bool:
        heard = self._call.heard
        return len(heard) > self._next and heard[self._next].closed

    def _note(self, speaker: Speaker, text: str, start: float) -> None:
        self.transcript.append(Utterance(speaker, text, start, self.clock if speaker == "agent" else start))
