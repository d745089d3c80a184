"""Remote procedure calls between the agent and a caller: the methods of one side, and how the other calls them."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import logging
from collections.abc import Callable
from typing import Any, Final

from livekit import rtc

__tracebackhide__ = True

logger = logging.getLogger("cekura_agent_kit.rehearsal")

RESPONSE_TIMEOUT: Final = 10.0
"""Seconds for an answer; livekit's own default."""

Handler = Callable[[rtc.RpcInvocationData], Any]

_Code = rtc.RpcError.ErrorCode
_ids = itertools.count(1)


def refusal(code: int) -> rtc.RpcError:
    """Return one of LiveKit's own errors."""
    return rtc.RpcError(code, rtc.RpcError.ErrorMessage[_Code(code)])


class Methods:
    """The methods that a participant offers: handlers by name."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}

    def register(self, name: str, handler: Handler | None = None) -> Any:
        """Offer a method; without a handler it returns a decorator."""
        if handler is None:
            return lambda function: self.register(name, function)
        self.handlers[name] = handler
        return handler

    def unregister(self, name: str) -> None:
        """Offer a method no longer."""
        self.handlers.pop(name, None)

    async def answer(self, name: str, payload: str, *, caller: str, timeout: float) -> str:
        """Return the handler's answer to a call.

        Args:
            name: the method.
            payload: what the handler receives.
            caller: identity of the participant that calls.
            timeout: seconds for the answer.

        Raises:
            rtc.RpcError: the handler's own; or LiveKit's, as when there is no handler, or it raises or is late.
        """
        handler = self.handlers.get(name)
        if handler is None:
            raise refusal(_Code.UNSUPPORTED_METHOD)
        try:
            async with asyncio.timeout(timeout) as deadline:
                answer = handler(rtc.RpcInvocationData(f"rpc-{next(_ids)}", caller, payload, timeout))
                if inspect.isawaitable(answer):
                    answer = await answer
        except rtc.RpcError:
            raise
        except TimeoutError as error:
            if deadline.expired():
                raise refusal(_Code.RESPONSE_TIMEOUT) from None
            raise _failed(name, error) from error
        except Exception as error:
            raise _failed(name, error) from error
        return "" if answer is None else str(answer)


def _failed(name: str, error: Exception) -> rtc.RpcError:
    logger.error("the handler of the method %r failed", name, exc_info=error)
    return refusal(_Code.APPLICATION_ERROR)
