"""Answers of the stand-in: Cekura's documented errors, and answers that faults change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from .faults import Answer
from .starts import Refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def body_of(request: web.Request) -> Any:
    """Return the request's JSON; None for a body that is not JSON."""
    try:
        return await request.json()
    except ValueError:
        return None


@web.middleware
async def documented_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors as Cekura does: 400 with the fields, 404 and 405 with a ``detail``."""
    try:
        return await handler(request)
    except Refused as refused:
        return web.json_response(refused.body, status=400)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        return web.json_response({"detail": error.text or error.reason}, status=error.status)


async def give(answer: Answer, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request with its handler, with the changes of a fault."""
    response: web.StreamResponse = web.Response()
    if answer.is_done:
        # Also a middleware of the application, for paths without a handler.
        response = await documented_errors(request, handler)
    if answer.delay:
        await asyncio.sleep(answer.delay)
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    if answer.status is not None or answer.body is not None:
        replaced = body if answer.body is None else answer.body.encode()
        status = answer.status or response.status
        response = web.Response(body=replaced, status=status, content_type="text/html" if answer.body else None)
        body = replaced
    response.headers.update(answer.headers)
    if answer.malformed:
        return web.Response(body=b"{'runs': [" + body, status=response.status, content_type="application/json")
    if answer.truncated:
        response = await _half(request, response.status, body)
    if (answer.lost or answer.truncated) and request.transport is not None:
        request.transport.close()
    return response


async def _half(request: web.Request, status: int, body: bytes) -> web.StreamResponse:
    half = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    return half
