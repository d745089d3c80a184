"""A stand-in for the models, with OpenAI's API: chat completions by rules, speech, transcriptions.

Endpoints: ``/v1/chat/completions`` (streamed and whole, with tool calls and usage), ``/v1/models``, ``/v1/audio/…``;
LiveKit Inference's ``/v1/stt`` and ``/v1/tts``.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from ..channels.speech import Speech
from ..web import WebService
from .audio import add_audio_routes
from .gaps import Gaps, Handler, error_answer
from .inference import add_inference_routes
from .rules import Reply, Rules, load_rules, text_of

_MODELS: Final = ("gpt-4.1-mini", "gpt-4o-mini", "whisper-1", "tts-1")
_BODY_LIMIT: Final = 32 * 2**20
"""Bytes: OpenAI accepts recordings of up to 25 MB."""


class ModelsService(WebService):
    """The stand-in. Serves within its context.

    Args:
        rules: the language model's answers, or the file with them. Default: none, so that it understands nothing.
        speech: the agent's speech: what it synthesizes can be recognized in this `Speech`. Default: its own.
        caller: the caller's speech, whose utterances are recognized. Default: ``speech``.

    Attributes:
        requests: the bodies of all requests for chat completions, in order.
        unused: numbers of the rules that have answered nothing yet, from 0.
        unanswered: number of the requests that no rule answered.
        gaps: record of the requests that the hosted service would have served, and this one could not.
    """

    def __init__(
        self, rules: Rules | Path | None = None, *, speech: Speech | None = None, caller: Speech | None = None
    ) -> None:
        super().__init__()
        self.speech = speech or Speech()
        self._caller = caller
        self._owns_speech = speech is None
        self.rules = load_rules(rules) if isinstance(rules, Path) else rules or Rules()
        self.api_key = "sandbox-" + secrets.token_hex(16)
        self.requests: list[dict[str, Any]] = []
        self.unused = set(range(len(self.rules.rules)))
        self.unanswered = 0
        self.gaps = Gaps()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT/v1``."""
        return f"{super().url}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a worker, for OpenAI's plugins and for LiveKit Inference."""
        return {
            "OPENAI_BASE_URL": self.url,
            "OPENAI_API_KEY": self.api_key,
            "LIVEKIT_INFERENCE_URL": self.url,
        }

    def make_app(self) -> web.Application:
        """See `WebService.make_app`."""
        app = web.Application(middlewares=[self.gaps.middleware, _check_key], client_max_size=_BODY_LIMIT)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list)
        add_audio_routes(app, self.gaps, self.speech, self._caller)
        add_inference_routes(app, self.gaps, self.speech, self._caller)
        return app

    async def stop(self) -> None:
        """See `WebService.stop`."""
        await super().stop()
        if self._owns_speech:
            await self.speech.stop()

    async def _list(self, _request: web.Request) -> web.Response:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "sandbox"} for name in _MODELS]
        return web.json_response({"object": "list", "data": models})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
        except ValueError:
            return error_answer(400, "We could not parse the JSON body of your request.")
        messages = body.get("messages") if isinstance(body, dict) else None
        if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
            return error_answer(400, "Missing required parameter: 'messages'.")
        self.requests.append(body)
        tools = [] if body.get("tool_choice") == "none" else body.get("tools") or []
        reply = self.rules.reply(messages, tools)
        if reply.rule is None:
            self.unanswered += 1
        else:
            self.unused.discard(reply.rule)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        usage = _usage(messages, reply)
        model = str(body.get("model", "sandbox"))
        if not body.get("stream"):
            return web.json_response(_completion(reply, model) | {"usage": usage})
        with_usage = (body.get("stream_options") or {}).get("include_usage")
        return await _stream(request, reply, model, usage if with_usage else None)


def _completion(reply: Reply, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.call:
        message["tool_calls"] = [_tool_call(reply)]
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(reply), "logprobs": None}
    return _head("chat.completion", model) | {"choices": [choice]}


async def _stream(request: web.Request, reply: Reply, model: str, usage: dict[str, int] | None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    head = _head("chat.completion.chunk", model)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in re.findall(r"\S+\s*", reply.text)]
    if reply.call:
        deltas.append({"tool_calls": [{"index": 0} | _tool_call(reply)]})
    events = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": _finish_reason(reply)}]})
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


def _tool_call(reply: Reply) -> dict[str, Any]:
    assert reply.call is not None
    function = {"name": reply.call.name, "arguments": json.dumps(reply.call.arguments)}
    return {"id": f"call_{uuid4().hex[:24]}", "type": "function", "function": function}


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.call else "stop"


def _usage(messages: list[dict[str, Any]], reply: Reply) -> dict[str, int]:
    """Return the usage of tokens, with each word counted as one."""
    prompt = sum(len(text_of(message).split()) for message in messages)
    completion = len(reply.text.split()) + (1 + len(reply.call.arguments) if reply.call else 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


@web.middleware
async def _check_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    # Any key is accepted: LiveKit Inference signs a new one for each request.
    if not request.headers.get("Authorization", "").removeprefix("Bearer").strip():
        return error_answer(401, "You didn't provide an API key.")
    return await handler(request)
