"""End of a call by the agent itself: it waits until what the agent said has been sent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from livekit import rtc

from ..contract import Mode
from .checks import Checks

if TYPE_CHECKING:
    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")

_SEND_TIMEOUT: Final = 2.0
"""Seconds for words that are being sent."""
_ON_THE_WAY: Final = 0.5
"""Seconds from the end of the last words, in text from their arrival, to the end of the room. Sound is played up to
0.3 s later. A client drops text that it has received, but not delivered, when the room ends (livekit 1.1.21)."""
_ANSWER: Final = 8.0
"""Seconds for the answer to a request that follows words on their way. On loopback it takes 0.005. A data channel sends
a lost packet again after 1 to 3 s, and a machine with twice the load that it can bear loses one in a hundred."""
_NO_METHOD: Final = "cekura.arrived"
"""An RPC method that no caller has."""
_ENDS: Final = frozenset({"DeleteRoom", "RemoveParticipant"})
"""Requests of RoomService that end a call."""


class LastWords:
    """Words of a job's agent on their way out. Whatever of the agent ends the call waits for them.

    An agent that awaits its last words and deletes the room would be cut short otherwise: the end of a text stream is
    sent by a task that nobody awaits, and the room may end before data and sound have arrived.

    Attributes:
        queues: what the kit itself has still to send; each item is marked as done.
        event_sent_at: when the last of these was sent, by the monotonic clock.
        caller_left: the trigger has told that the evaluator has left. LiveKit tells it 2 s later, and a request to the
            evaluator is answered only then.
        before_end: called before the agent deletes its room or leaves it.
    """

    def __init__(self, job: JobUnderTest) -> None:
        self.queues: list[asyncio.Queue[Any]] = []
        self.event_sent_at = 0.0
        self.caller_left = False
        self.before_end: list[Callable[[], None]] = []
        self._job = job
        self._room = job.room
        self._is_text = job.call.mode is Mode.TEXT
        self._open: set[rtc.TextStreamWriter] = set()
        self._sent_at = 0.0
        self._changed = asyncio.Event()
        self._disconnect = job.room.disconnect
        # Only on this room.
        self._room.disconnect = self._disconnect_later  # type: ignore[method-assign]

    def watch(self, writer: rtc.TextStreamWriter) -> None:
        """Count a text stream as under way until it is closed."""
        close = writer.aclose
        self._open.add(writer)

        async def aclose(*args: Any, **kwargs: Any) -> None:
            try:
                await close(*args, **kwargs)
            finally:
                self._open.discard(writer)
                self._sent_at = time.monotonic()
                self._changed.set()

        writer.aclose = aclose  # type: ignore[method-assign]

    async def sent(self) -> None:
        """Wait until everything was sent, and has had time to arrive. Return at once if nothing was sent lately."""
        await self._words_sent()
        if (left := self.event_sent_at + _ON_THE_WAY - time.monotonic()) > 0:
            await asyncio.sleep(left)
        if checks := self._job.part(Checks):
            await checks.readable()

    async def _words_sent(self) -> None:
        try:
            async with asyncio.timeout(_SEND_TIMEOUT):
                while self._open:
                    self._changed.clear()
                    await self._changed.wait()
                for queue in self.queues:
                    await queue.join()
        except TimeoutError:
            logger.warning("the agent ends the call, and words of it were not sent within %g s", _SEND_TIMEOUT)
        left = self._sent_at + _ON_THE_WAY - time.monotonic()
        if left <= 0:
            return
        if not self._is_text or self.caller_left:
            await asyncio.sleep(left)
        elif await self._is_received():
            await asyncio.sleep(_ON_THE_WAY)

    async def _is_received(self) -> bool:
        """Wait until the caller's client has received all data that was sent before. Return False if it is gone.

        Data arrives in order. A request for a method that the caller does not have is refused by its client, which has
        received everything before it by then.
        """
        caller = self._job.caller()
        if caller is None or not self._room.isconnected():
            return False
        try:
            async with asyncio.timeout(_ANSWER):
                await self._room.local_participant.perform_rpc(
                    destination_identity=caller, method=_NO_METHOD, payload="", response_timeout=_ANSWER
                )
        except rtc.RpcError as error:
            return error.code != rtc.RpcError.ErrorCode.RECIPIENT_DISCONNECTED
        except Exception as error:  # noqa: BLE001 - an end that cannot be waited for must come all the same
            logger.debug("the caller was not asked for what has arrived: %s", type(error).__name__)
        return True

    async def _disconnect_later(self, *args: Any, **kwargs: Any) -> None:
        if self._room.isconnected():
            for callback in self.before_end:
                callback()
            await self.sent()
        if checks := self._job.part(Checks):
            checks.is_closed = True
        await self._disconnect(*args, **kwargs)


async def open_stream(
    job: JobUnderTest, original: Callable[..., Coroutine[Any, Any, rtc.TextStreamWriter]], *args: Any, **kwargs: Any
) -> rtc.TextStreamWriter:
    """Replace ``LocalParticipant.stream_text``."""
    writer = await original(*args, **kwargs)
    if words := job.part(LastWords):
        words.watch(writer)
    return writer


async def send_request(
    job: JobUnderTest,
    original: Callable[..., Coroutine[Any, Any, Any]],
    client: Any,
    service: str,
    method: str,
    data: Any,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Replace ``TwirpClient.request``, through which LiveKit's server API sends all that it sends."""
    words = job.part(LastWords)
    if words and method in _ENDS and getattr(data, "room", "") == job.context.job.room.name:
        await words.sent()
    return await original(client, service, method, data, *args, **kwargs)
