"""Answers in the form of OpenAI's chat completions, whole and streamed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from aiohttp import web

from ...cassettes.exchange import Answer, Called, Said
from .rules import Reply, text_of


def answer_of(reply: Reply, messages: Sequence[Mapping[str, Any]]) -> Answer:
    """Return the answer of a rule: word by word, with each word counted as one token."""
    said = [Said(reply.text, tuple(map(len, re.findall(r"^\s+|\S+\s*", reply.text))))] if reply.text else []
    called = [Called(reply.call.name, reply.call.arguments)] if reply.call else []
    prompt = sum(len(text_of(message).split()) for message in messages)
    completion = len(reply.text.split()) + (1 + len(reply.call.arguments) if reply.call else 0)
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return Answer((*said, *called), usage)


async def complete(request: web.Request, body: Mapping[str, Any], answer: Answer, model: str) -> web.StreamResponse:
    """Send an answer in the form that the request asks for.

    Args:
        request: the request.
        body: its body.
        answer: the answer.
        model: name of the model.
    """
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    usage = {name: answer.usage.get(name, 0) for name in counts}
    if not body.get("stream"):
        return web.json_response(_completion(answer, model) | {"usage": usage})
    with_usage = (body.get("stream_options") or {}).get("include_usage")
    return await _stream(request, answer, model, usage if with_usage else None)


def _completion(answer: Answer, model: str) -> dict[str, Any]:
    text = "".join(part.text for part in answer.parts if isinstance(part, Said))
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls := [_tool_call(part) for part in answer.parts if isinstance(part, Called)]:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(answer), "logprobs": None}
    return _head("chat.completion", model) | {"choices": [choice]}


async def _stream(request: web.Request, answer: Answer, model: str, usage: dict[str, int] | None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    head = _head("chat.completion.chunk", model)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    calls = 0
    for part in answer.parts:
        if isinstance(part, Said):
            deltas += [{"content": piece} for piece in part.pieces]
        else:
            deltas.append({"tool_calls": [{"index": calls} | _tool_call(part)]})
            calls += 1
    events = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": _finish_reason(answer)}]})
    if usage:
        events.append(head | {"choices": [], "usage": usage})
    try:
        await response.prepare(request)
        for event in events:
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
    except ConnectionResetError:
        # An agent that is interrupted closes the connection.
        pass
    return response


def _head(kind: str, model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _tool_call(call: Called) -> dict[str, Any]:
    function = {"name": call.tool, "arguments": call.json}
    return {"id": f"call_{uuid4().hex[:24]}", "type": "function", "function": function}


def _finish_reason(answer: Answer) -> str:
    return "tool_calls" if any(isinstance(part, Called) for part in answer.parts) else "stop"
