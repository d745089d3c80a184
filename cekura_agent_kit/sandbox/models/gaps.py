"""Requests that the models' stand-in could not serve, although the hosted service would have: gaps of the sandbox."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SERVICES: Final = {
    "/v1/realtime": "OpenAI's realtime API",
    "/v1/responses": "OpenAI's Responses API",
    "/v1/embeddings": "OpenAI's embeddings",
}
"""Services that agents ask for, by path, of which the sandbox has no stand-in."""
_LIMIT: Final = 200
"""Characters of what the agent sent, in a text."""
_REASON: Final = 1_000
"""Characters of a reason: one that names what a cassette lacks is long."""
_KEPT: Final = 100
"""Gaps kept. An agent that retries has thousands, all alike."""


@dataclass(frozen=True)
class Gap:
    """One request that was answered with an error, although the hosted service would have served it.

    Attributes:
        path: of the request: ``/v1/realtime``.
        model: the model that was asked for; empty if the request names none.
        status: of the answer.
        reason: what the sandbox lacks, or what broke, in words.
        at: `time.monotonic()` of the answer.
    """

    path: str
    model: str
    status: int
    reason: str
    at: float

    def __str__(self) -> str:
        model = f" (model {self.model})" if self.model else ""
        return f"{self.path}{model} was answered {self.status}: {self.reason}"


_WITHOUT_NEED: Final = ("", "/v1", "/v1/eot", "/v1/bargein")
"""Paths whose answer does not matter. Plugins ask for the first two only to have a connection before it is needed.
livekit-agents has models of its own for the ends of turns and for interruptions, and uses them where LiveKit
Inference's are missing."""


class Gaps:
    """Record of gaps, as a middleware of aiohttp.

    Attributes:
        recorded: the gaps, oldest first; at most the first hundred.
    """

    def __init__(self) -> None:
        self.recorded: list[Gap] = []

    def add(self, request: web.Request, status: int, reason: str, *, model: str = "") -> None:
        """Record a gap."""
        if len(self.recorded) < _KEPT:
            model = model or request.query.get("model", "")
            self.recorded.append(
                Gap(request.path[:_LIMIT], _one_word(model), status, reason[:_REASON], time.monotonic())
            )

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record requests without a handler, and handlers that raise; answer both as OpenAI does."""
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            service = _SERVICES.get(request.path.rstrip("/"), f"{request.method} {request.path[:_LIMIT]}")
            reason = f"the sandbox has no stand-in for {service}"
            if request.path.rstrip("/") not in _WITHOUT_NEED:
                self.add(request, error.status, reason, model=_model_in(await _json(request)))
            return error_answer(error.status, f"{reason}.", kind="invalid_request_error")
        except web.HTTPException:
            raise
        except Exception as error:
            reason = f"the sandbox's stand-in for the models broke ({type(error).__name__})"
            self.add(request, 500, reason, model=_model_in(await _json(request)))
            raise


def error_answer(status: int, message: str, *, kind: str = "invalid_request_error") -> web.Response:
    """Return an error in the form of OpenAI's."""
    error = {"message": message, "type": kind, "param": None, "code": None}
    return web.json_response({"error": error}, status=status)


async def _json(request: web.Request) -> Any:
    if request.content_type != "application/json":
        return None
    try:
        return await request.json()
    except (ValueError, web.HTTPException):
        return None


def _model_in(body: Any) -> str:
    return str(body.get("model") or "") if isinstance(body, dict) else ""


def _one_word(text: str) -> str:
    return re.sub(r"[^\w./:@-]", "", text)[:_LIMIT]
