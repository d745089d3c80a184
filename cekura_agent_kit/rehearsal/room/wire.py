"""The wire between the two sides of a room in memory: the agent's (`room`, `participant`) and the callers'.

To the agent go events, streams and packets. Each is delivered in a later step of the event loop, in the order in which
it was sent, in the context in which the agent connected, as livekit's own room does it. While the agent is not in the
room they are lost.

From the agent go streams and packets. Each is kept with the identities of those who receive it: who is in the room,
can receive and was addressed at that moment.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from typing import Any, Protocol

from livekit import rtc

from .rpc import Methods, refusal
from .streams import ByteReader, ByteStream, Packet, Text, TextReader

logger = logging.getLogger("cekura_agent_kit.rehearsal")


class AgentSide(Protocol):
    """The agent's room, to which the wire delivers."""

    def has_listeners(self, event: str) -> bool:
        """Return whether a callback is registered for an event."""

    def emit(self, event: Any, *args: Any) -> None:
        """Call the callbacks of an event."""

    def add_participant(self, participant: rtc.RemoteParticipant) -> None:
        """Announce a participant."""

    def remove_participant(self, participant: rtc.RemoteParticipant, reason: Any) -> None:
        """Report that a participant left, with an `rtc.DisconnectReason`."""

    def receive_text(self, reader: TextReader, identity: str) -> None:
        """Receive a text stream of a participant."""

    def receive_bytes(self, reader: ByteReader, identity: str) -> None:
        """Receive a byte stream of a participant."""

    def receive_data(self, identity: str, data: bytes, topic: str) -> None:
        """Receive a data packet of a participant."""


class Wire:
    """The state that both sides share.

    Attributes:
        agent: the agent's side.
        agent_identity: the identity with which the agent joins.
        connected: the agent is in the room.
        present: participants in the room, by identity, other than the agent.
        agent_methods: the methods that the agent offers to callers.
        caller_methods: those that participants offer to the agent, by identity.
        texts: text streams that the agent opened, in order, whoever received them.
        byte_streams: byte streams that the agent opened, in order.
        packets: data packets that the agent sent, in order.
    """

    def __init__(self, agent: AgentSide, agent_identity: str) -> None:
        self.agent = agent
        self.agent_identity = agent_identity
        self.connected = False
        self.present: dict[str, rtc.RemoteParticipant] = {}
        self.agent_methods = Methods()
        self.caller_methods: dict[str, Methods] = {}
        self.texts: list[Text] = []
        self.byte_streams: list[ByteStream] = []
        self.packets: list[Packet] = []
        self._loop = asyncio.get_running_loop()
        self._context: contextvars.Context | None = None
        self._waiting: dict[asyncio.Future[None], Callable[[], object]] = {}

    def connect(self) -> None:
        """Connect the agent's side; callbacks run in the context of this call from now on."""
        self._context = contextvars.copy_context()
        self.connected = True

    def disconnect(self) -> None:
        """Disconnect the agent's side: what was sent before is still delivered."""
        self.connected = False

    def deliver(self, callback: Callable[..., object], *args: Any) -> None:
        """Call something on the agent's side later, in order."""
        if self.connected:
            self._loop.call_soon(self._call, callback, args, context=self._context)
        else:
            logger.debug("the agent is not in the room: %s is dropped", callback.__name__)

    def emit(self, event: Any, *args: Any) -> None:
        """Deliver an event of the agent's room."""
        # Most events have no callback, and three of each turn are changes of the agent's state.
        if self.agent.has_listeners(event):
            self.deliver(self.agent.emit, event, *args)
        else:
            self.changed()

    async def call_agent(self, method: str, payload: str, *, caller: str, timeout: float) -> str:
        """Call a method of the agent's, in the agent's context; return the answer.

        Raises:
            rtc.RpcError: as `Methods.answer`; or the agent is not in the room.
        """
        if not self.connected:
            raise refusal(rtc.RpcError.ErrorCode.CONNECTION_TIMEOUT)
        answered: asyncio.Future[str] = self._loop.create_future()

        async def answer() -> None:
            try:
                answered.set_result(await self.agent_methods.answer(method, payload, caller=caller, timeout=timeout))
            except Exception as error:  # noqa: BLE001 - raised to the caller
                answered.set_exception(error)

        tasks: list[asyncio.Task[None]] = []
        self.deliver(lambda: tasks.append(asyncio.create_task(answer(), name="rehearsal_rpc")))
        return await answered

    def receivers(self, addressed: list[str] | None) -> frozenset[str]:
        """Return the identities of those who receive what the agent sends now."""
        active = frozenset(identity for identity, each in self.present.items() if is_active(each))
        return active & frozenset(addressed) if addressed else active

    async def until(self, predicate: Callable[[], object], *, timeout: float | None) -> None:
        """Wait until the predicate is true; it is asked again whenever something changes in the room.

        Args:
            predicate: what is awaited.
            timeout: seconds; None waits for ever.

        Raises:
            TimeoutError: it was not true in time.
        """
        if predicate():
            return
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting[future] = predicate
        try:
            async with asyncio.timeout(timeout):  # wait_for of Python 3.11 may swallow a cancellation
                await future
        finally:
            del self._waiting[future]

    async def delivered(self) -> None:
        """Wait until all that was sent to the agent so far has been delivered."""
        reached = asyncio.Event()
        self._loop.call_soon(reached.set)
        await reached.wait()

    def changed(self) -> None:
        """Ask again what `until` waits for."""
        for future, predicate in list(self._waiting.items()):
            if not future.done() and predicate():
                future.set_result(None)

    def _call(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            callback(*args)
        except Exception:
            logger.exception("a callback of the room failed")
        self.changed()


def is_active(participant: rtc.RemoteParticipant) -> bool:
    """Return whether a participant can receive."""
    return participant.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
